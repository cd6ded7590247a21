//go:build integration

package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// testStepByStep runs the commands of the example's README, in their order.
func (s suite) testStepByStep(t *testing.T) {
	if s.canarizeErr != nil {
		t.Fatal(s.canarizeErr)
	}
	dir := filepath.Join(s.root, "examples", "step-by-step")
	manifests, err := os.ReadFile(filepath.Join(dir, "shop.yml"))
	if err != nil {
		t.Fatal(err)
	}
	c := s.newClinic(t, string(manifests))
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	ran := map[string]int{}
	for _, line := range strings.Split(string(readme), "\n") {
		command, found := strings.CutPrefix(line, "    canarize ")
		if !found {
			continue
		}
		args := strings.Fields(command)
		for i, arg := range args {
			if arg == "shop.yml" {
				args[i] = filepath.Join(dir, arg)
			}
		}
		want := 0
		switch verb := args[0]; {
		case slices.Contains([]string{"doctor", "plan"}, verb):
			args = append(args, "--emissary-namespace", c.emissary.namespace)
			if verb == "plan" && ran["promote"] == 0 {
				want = 1
			}
		case slices.Contains([]string{"deploy", "shift", "promote", "reject"}, verb):
			args = append(args, "--emissary-namespace", "nowhere") // there is no gateway here
			if verb == "deploy" || verb == "promote" {
				args = append(args, "--unverified")
			}
		}
		if o := c.try(t, args...); o.code != want {
			t.Fatalf("canarize %s: exit code %d, expected %d\n%s%s", command, o.code, want, o.err, o.out)
		}
		ran[args[0]]++
	}
	if len(ran) != 8 || ran["deploy"] != 2 {
		t.Errorf("it ran %v", ran)
	}
	c.check(t, "2", -1)
}
