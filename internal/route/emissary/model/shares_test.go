package model_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

// set is a set of objects and the result of Emissary's own generator.
type set struct {
	Mappings []map[string]any `json:"mappings"`
	Options  struct {
		Namespace string `json:"namespace"`
	} `json:"options"`
	Groups  []model.Group `json:"groups"`
	Dropped []string      `json:"dropped"`
	Error   bool          `json:"error"`
}

func readSets(t testing.TB, name string) map[string]set {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var sets map[string]set
	if err := json.Unmarshal(source, &sets); err != nil {
		t.Fatal(err)
	}
	return sets
}

// comparable returns the part of a report that the tables contain, as JSON, so
// that null and [] differ.
func comparable(t testing.TB, groups []model.Group, dropped []string, failed bool) map[string]any {
	t.Helper()
	encoded, err := json.Marshal(model.Report{Groups: groups, Dropped: dropped, Error: failed})
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(encoded, &out); err != nil {
		t.Fatal(err)
	}
	delete(out, "errors")
	return out
}

func agree(t *testing.T, table string) string {
	sets := readSets(t, table)
	names := make([]string, 0, len(sets))
	for name := range sets {
		names = append(names, name)
	}
	sort.Strings(names)
	agreeing := 0
	for _, name := range names {
		s := sets[name]
		namespace := s.Options.Namespace
		if namespace == "" {
			namespace = "default"
		}
		got := model.Evaluate(s.Mappings, model.Options{Namespace: namespace})
		want := comparable(t, s.Groups, s.Dropped, s.Error)
		if diff := cmp.Diff(want, comparable(t, got.Groups, got.Dropped, got.Error)); diff != "" {
			t.Errorf("%s (-Emissary +model):\n%s\nerrors: %q", name, diff, got.Errors)
			continue
		}
		agreeing++
	}
	return fmt.Sprintf("%d of %d sets agree", agreeing, len(sets))
}

// sharesResult is printed last by TestMain, so that it is at the end of the
// output.
var sharesResult string

func TestMain(m *testing.M) {
	code := m.Run()
	if sharesResult != "" {
		fmt.Println("shares: " + sharesResult)
	}
	os.Exit(code)
}

// TestShares compares the model with Emissary's results for 340 sets.
func TestShares(t *testing.T) { sharesResult = agree(t, "shares.json") }

// TestGeneratedSets does the same with sets that were generated to cover more
// cases; see testdata/README.md.
func TestGeneratedSets(t *testing.T) { t.Log(agree(t, "generated.json")) }

// TestIngresses does the same with sets that have Ingresses.
func TestIngresses(t *testing.T) { t.Log(agree(t, "ingress.json")) }
