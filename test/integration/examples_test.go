//go:build integration

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// example is one input folder.
//
//	generate.args  the arguments of canarize generate, run in the folder
//	traffic.args   additional arguments for canarize traffic (optional)
//	elsewhere/     objects in the cluster that canarize does not read (optional)
//	not-applied    why the server would not accept the example (optional)
type example struct {
	name       string
	dir        string
	generate   []string // without the inputs
	inputs     []string
	traffic    []string
	notApplied string
}

func (s suite) examples(t *testing.T) []example {
	t.Helper()
	all := []example{{
		name:     "manifests",
		dir:      filepath.Join(s.root, "manifests"),
		generate: []string{"-w", "10"},
		inputs:   []string{"."},
	}}
	for _, dir := range []string{filepath.Join(s.root, "examples"), filepath.Join(s.root, "test", "integration", "testdata", "cases")} {
		folders, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range folders {
			if f.IsDir() && !slices.Contains([]string{"azure-pipelines", "calibrate", "events", "gateway", "history", "judge", "lint", "metrics", "migrate", "releasing", "routes", "simulate", "step-by-step"}, f.Name()) { // other tests read these
				all = append(all, readExample(t, filepath.Join(dir, f.Name())))
			}
		}
	}
	return all
}

func readExample(t *testing.T, dir string) example {
	t.Helper()
	e := example{name: filepath.Base(dir), dir: dir}
	for _, arg := range words(t, dir, "generate.args") {
		if _, err := os.Stat(filepath.Join(dir, arg)); err == nil {
			e.inputs = append(e.inputs, arg)
		} else {
			e.generate = append(e.generate, arg)
		}
	}
	if len(e.inputs) == 0 {
		t.Fatalf("%s: generate.args names no file or folder of the example", dir)
	}
	e.traffic = words(t, dir, "traffic.args")
	e.notApplied = strings.Join(words(t, dir, "not-applied"), " ")
	return e
}

// words returns the words of a file, or none if it does not exist.
func words(t *testing.T, dir, name string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(b))
}

func (e example) isKustomization(input string) bool {
	found, err := filepath.Glob(filepath.Join(e.dir, input, "kustomization.y*ml"))
	return err == nil && len(found) > 0
}

// testExamples applies every example and its canary.
func (s suite) testExamples(t *testing.T) {
	owners := map[string]string{} // of namespaces
	for _, e := range s.examples(t) {
		t.Run(e.name, func(t *testing.T) {
			stable := s.read(t, e)
			for _, ns := range e.namespaces(stable) {
				if owner := owners[ns]; owner != "" {
					t.Fatalf("namespace %s is used by example %s too", ns, owner)
				}
				owners[ns] = e.name
			}
			t.Parallel()
			s.check(t, e, stable)
		})
	}
}

// check runs all steps on one example, until one fails.
func (s suite) check(t *testing.T, e example, stable []object) {
	k := s.kubectlFor(t, e)
	if e.notApplied == "" {
		e.createNamespaces(t, k, stable)
		text := list(t, stable)
		k.run(t, text, "apply", "--server-side", "--dry-run=server", "-f", "-")
		stable = parseObjects(t, k.run(t, text, "apply", "--server-side", "-o", "json", "-f", "-"))
	}
	if s.canarizeErr != nil {
		t.Fatal("the stable objects are accepted; canarize can not be tested:", s.canarizeErr)
	}
	c := program{path: s.canarize, dir: e.dir}
	generate := slices.Concat([]string{"generate"}, e.generate, e.inputs)
	output := c.run(t, nil, generate...)
	if again := c.run(t, nil, generate...); !bytes.Equal(output, again) {
		t.Error("two runs of canarize generate differ")
	}
	file := filepath.Join(t.TempDir(), "canary.yaml")
	if err := os.WriteFile(file, output, 0o600); err != nil {
		t.Fatal(err)
	}
	canary := parseObjects(t, output)
	if e.notApplied == "" {
		canary = applyTwice(t, k, file)
	}
	checkOnlyNew(t, stable, canary)
	checkNoLeak(t, stable, canary)
	checkCanaryServices(t, stable, canary)
	checkNoTheft(t, stable, canary)
	checkNamespaces(t, e.namespaces(stable), canary)
	show := slices.Concat([]string{"traffic", "-o", "json"}, e.traffic)
	checkTraffic(t, c.run(t, nil, slices.Concat(show, s.trafficInputs(t, e), []string{file})...), canary, 10)
	if e.notApplied == "" { // once more, with the objects as the server stores them
		live := filepath.Join(t.TempDir(), "live.json")
		if err := os.WriteFile(live, list(t, slices.Concat(stable, canary)), 0o600); err != nil {
			t.Fatal(err)
		}
		checkTraffic(t, c.run(t, nil, append(show, live)...), canary, 10)
		if len(e.namespaces(stable)) == 1 { // and with --live
			checkTraffic(t, c.run(t, nil, append(show, "--live", "--kubeconfig", s.kubeconfig, "-n", e.name)...), canary, 10)
		}
	}
}

// applyTwice applies the canary next to the stable objects, and again, which
// must change nothing.
func applyTwice(t *testing.T, k program, file string) []object {
	t.Helper()
	k.run(t, nil, "apply", "--server-side", "--dry-run=server", "-f", file)
	first := parseObjects(t, k.run(t, nil, "apply", "--server-side", "-o", "json", "-f", file))
	second := parseObjects(t, k.run(t, nil, "apply", "--server-side", "-o", "json", "-f", file))
	versions := map[string]string{}
	for _, o := range first {
		versions[o.Metadata.UID] = o.Metadata.ResourceVersion
	}
	for _, o := range second {
		if versions[o.Metadata.UID] != o.Metadata.ResourceVersion {
			t.Errorf("applying %s again, with no change, has changed it", o)
		}
	}
	return first
}

// read returns the stable objects from the files.
func (s suite) read(t *testing.T, e example) []object {
	t.Helper()
	inputs := slices.Clone(e.inputs)
	if _, err := os.Stat(filepath.Join(e.dir, "elsewhere")); err == nil {
		inputs = append(inputs, "elsewhere")
	}
	var all []object
	for _, input := range inputs {
		for _, text := range s.texts(t, e, input) {
			all = append(all, parseObjects(t, text)...)
		}
	}
	return all
}

func (s suite) texts(t *testing.T, e example, input string) [][]byte {
	t.Helper()
	if e.isKustomization(input) {
		return [][]byte{program{path: s.kubectl, dir: e.dir}.run(t, nil, "kustomize", input)}
	}
	path := filepath.Join(e.dir, input)
	files := []string{path}
	if info, err := os.Stat(path); err != nil {
		t.Fatal(err)
	} else if info.IsDir() {
		files = nil
		for _, pattern := range []string{"*.yaml", "*.yml", "*.json"} {
			found, err := filepath.Glob(filepath.Join(path, pattern))
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, found...)
		}
	}
	var texts [][]byte
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, b)
	}
	return texts
}

// trafficInputs returns the files and folders with the stable Mappings.
func (s suite) trafficInputs(t *testing.T, e example) []string {
	t.Helper()
	inputs := slices.Clone(e.inputs)
	for i, input := range inputs {
		if e.isKustomization(input) {
			inputs[i] = filepath.Join(t.TempDir(), "stable.yaml")
			if err := os.WriteFile(inputs[i], s.texts(t, e, input)[0], 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(e.dir, "elsewhere")); err == nil {
		inputs = append(inputs, "elsewhere")
	}
	return inputs
}

// kubectlFor returns kubectl with a kubeconfig whose default namespace is that of the
// example.
func (s suite) kubectlFor(t *testing.T, e example) program {
	t.Helper()
	b, err := os.ReadFile(s.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(config, b, 0o600); err != nil {
		t.Fatal(err)
	}
	k := program{path: s.kubectl, dir: e.dir, args: []string{"--kubeconfig", config, "--cache-dir", t.TempDir()}}
	k.run(t, nil, "config", "set-context", "--current", "--namespace", e.name)
	return k
}

// namespaces returns the namespaces that the objects name, and the one for the others.
func (e example) namespaces(stable []object) []string {
	all := append(namespaces(stable), e.name)
	slices.Sort(all)
	return slices.Compact(all)
}

func (e example) createNamespaces(t *testing.T, k program, stable []object) {
	t.Helper()
	var text bytes.Buffer
	for _, ns := range e.namespaces(stable) {
		fmt.Fprintf(&text, "---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: %s\n", ns)
	}
	k.run(t, text.Bytes(), "apply", "--server-side", "-f", "-")
}

// testReadmes checks that each README has the command that the tests run.
func (s suite) testReadmes(t *testing.T) {
	for _, e := range s.examples(t) {
		if e.name == "manifests" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(e.dir, "README.md"))
		if err != nil {
			t.Error(err)
			continue
		}
		command := "canarize generate " + strings.Join(words(t, e.dir, "generate.args"), " ")
		if !strings.Contains(string(b), "\n    "+command+"\n") {
			t.Errorf("%s/README.md does not have the command of generate.args: %s", e.name, command)
		}
	}
}
