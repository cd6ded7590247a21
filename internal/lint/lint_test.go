package lint

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// world knows the verbs run, reject, shift and deploy, and every flag with a value except
// --unknown.
func world(exist ...string) World {
	return World{
		Parse: func(args []string) (Call, error) {
			if len(args) == 0 || !slices.Contains([]string{"run", "reject", "shift", "deploy", "status"}, args[0]) {
				return Call{}, errors.New("no such verb")
			}
			c := Call{Verb: args[0], Flags: map[string][]string{}}
			for i := 1; i < len(args); i++ {
				switch arg := args[i]; {
				case strings.HasPrefix(arg, "--unknown"):
					return Call{}, errors.New("no such flag")
				case arg == "-I" && i+1 < len(args):
					i++
					c.Flags["image"] = append(c.Flags["image"], args[i])
				case strings.HasPrefix(arg, "-"):
					name, value, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
					c.Flags[name] = append(c.Flags[name], value)
				default:
					c.Args = append(c.Args, arg)
				}
			}
			return c, nil
		},
		Exists: func(path string) bool { return slices.Contains(exist, path) },
		Beside: func(file, path string) string { return filepath.Join(filepath.Dir(file), path) },
	}
}

// found returns the findings as LINE:CHECK.
func foundIn(content string, exist ...string) string {
	var all []string
	for _, f := range File("dir/file.yml", []byte(content), world(exist...)) {
		all = append(all, fmt.Sprintf("%d:%s", f.Line, f.Check))
	}
	return strings.Join(all, " ")
}

const header = "apiVersion: canarize.dev/v1alpha1\nkind: Release\n"

func TestReleaseFiles(t *testing.T) {
	for content, want := range map[string]string{
		header:                       "",
		header + "spec: {ramps: {}}": "3:release-file",
		header + "spec:\n  analysis:\n    deadline: 5m\n":                                                                                       "5:release-file",
		header + "spec:\n  ramp:\n    steps: [{weight: 5, hold: 2h}]\n":                                                                         "5:short-deadline",
		header + "spec:\n  ramp:\n    steps:\n    - {weight: 5.5}\n    budget: 2\n":                                                             "6:whole-weights 7:steps-only",
		header + "spec:\n  gates:\n  - {name: a, weight: 10, manual: true}\n  - {name: b, weight: 36, manual: true}\n":                          "6:late-gate",
		header + "spec:\n  gates:\n  - {name: a, exec: [./no]}\n  - {name: b, exec: [curl]}\n":                                                  "5:missing-program",
		header + "spec:\n  manifests: [a, b]\n":                                                                                                 "4:missing-input",
		header + "spec:\n  analysis:\n    margins: {errors: 1, 'latency≤100ms': 1}\n    roles: {erors: guard}\n":                                "6:unknown-metric",
		header + "spec:\n  metrics: {source: web, address: 'http://a'}\n  analysis: {margins: {any: 1}}\n":                                      "",
		header + "spec:\n  metrics: {source: pods, port: 1, ratios: {mine: {bad: a, total: b}}}\n  analysis: {margins: {mine: 1, errors: 2}}\n": "5:unknown-metric",
		header + "spec:\n  metrics: {source: pods, port: 1, ratios: {mine: {bad: a, total: b, by: route}}}\n  analysis:\n    roles: {'mine{route}': ignore, 'mine{route=/a}': guard}\n    margins: {'mine{path}': 1}\n": "7:unknown-metric",
		header + "spec:\n  metrics: {source: pods, port: 1, ratios: {mine: {bad: a, total: b}}}\n  analysis: {roles: {'mine{route}': ignore}}\n":                                                                        "5:unknown-metric",
		"apiVersion: v1\nkind: Service\n": "1:unknown-file",
		"a: [":                            "0:pipeline",
		"":                                "0:unknown-file",
	} {
		if got := foundIn(content, "dir/a", "dir/b"); content == header+"spec:\n  manifests: [a, b]\n" {
			if got != "" || foundIn(content, "dir/a") != want {
				t.Errorf("%s: %q", content, got)
			}
		} else if got != want {
			t.Errorf("%s\n%q instead of %q", content, got, want)
		}
	}
}

const steps = "concurrency: a\njobs:\n  a:\n    runs-on: b\n    steps:\n"

func TestPipelines(t *testing.T) {
	const cleanup = "    - if: always()\n      run: canarize reject a --if-active\n"
	for content, want := range map[string]string{
		steps + "    - run: exec canarize run m\n" + cleanup:                                                                                         "",
		steps + "    - run: canarize run m\n":                                                                                                        "6:no-cleanup",
		steps + "    - run: canarize run m\n    - run: canarize reject a\n":                                                                          "6:no-cleanup",
		steps + "    - run: canarize run m --dry-run=server\n":                                                                                       "",
		steps + "    - run: |\n        set -e\n        # canarize rnu\n        canarize rnu m\n":                                                     "9:wrong-command",
		steps + "    - run: |\n        canarize status \\\n          --unknown\n":                                                                    "7:wrong-command",
		steps + "    - run: kubectl canarize status --unknown && echo\n":                                                                             "6:wrong-command",
		steps + "    - run: echo canarize rnu\n":                                                                                                     "",
		steps + "    - run: canarize run\n" + cleanup:                                                                                                "6:no-manifests",
		steps + "    - run: canarize run --config=c\n" + cleanup:                                                                                     "",
		steps + "    - run: canarize run $FLAGS\n" + cleanup:                                                                                         "",
		steps + "    - run: canarize run m || true\n" + cleanup:                                                                                      "6:hidden-exit",
		steps + "    - run: canarize run m || exit 1\n" + cleanup:                                                                                    "",
		steps + "    - run: canarize run m | tee log\n" + cleanup:                                                                                    "6:hidden-exit",
		steps + "    - run: |\n        set -o pipefail\n        canarize run m | tee log\n" + cleanup:                                                "",
		steps + "    - continue-on-error: true\n      run: canarize run m\n" + cleanup:                                                               "7:hidden-exit",
		steps + "    - run: canarize run m -I a/b:latest -I c=a:5000/d -I e:${{ github.sha }} -I f@sha256:1\n" + cleanup:                             "6:moving-tag 6:moving-tag",
		strings.Replace(steps, "runs-on: b", "runs-on: b\n    timeout-minutes: 60", 1) + "    - run: canarize run m\n" + cleanup:                     "7:job-timeout",
		strings.Replace(steps, "concurrency: a\n", "", 1) + "    - run: canarize run m\n" + cleanup:                                                  "5:concurrent-runs",
		"a:\n  resource_group: b\n  timeout: 2h 30m\n  script: canarize run m\n  after_script: [canarize reject a]\n":                                "",
		"a:\n  resource_group: b\n  script: [canarize run m]\n  after_script: [canarize reject a]\n":                                                 "3:job-timeout",
		"a:\n  script:\n  - canarize deploy m\nb:\n  when: on_failure\n  script: canarize reject a\n":                                                "",
		"jobs:\n- deployment: a\n  timeoutInMinutes: 90\n  steps:\n  - bash: canarize run m\n  - bash: canarize reject a\n    condition: always()\n": "",
		"jobs:\n- job: a\n  timeoutInMinutes: 0\n  steps:\n  - task: AzureCLI@2\n    inputs:\n      inlineScript: |\n        canarize run m\n":       "8:no-cleanup 8:concurrent-runs",
	} {
		if got := foundIn(content); got != want {
			t.Errorf("%s\n%q instead of %q", content, got, want)
		}
	}
}

// TestScripts: the words of a command survive quotes, variables and redirections.
func TestScripts(t *testing.T) {
	for script, want := range map[string]string{
		`canarize run "a b" 'c $d' e\ f`:                   "run,a b,c $d,e f",
		`X=1 exec canarize run >log 2>&1 </dev/null m`:     "run,m",
		"(cd x && canarize run m)":                         "run,m",
		"if ! canarize run m; then echo; fi":               "run,m",
		`V=$(canarize status -o json | jq .) && true`:      "",
		"x <(canarize run a) && canarize run m <(y | z) n": "run,m,$file,n",
		"timeout 5 canarize run m # comment":               "run,m",
		`bin/canarize run --why="it's done"`:               "run,--why=it's done",
		"canarize run \\\n  a \\\n  b":                     "run,a,b",
	} {
		got := ""
		for _, c := range commands(script) {
			if words, is := c.canarize(); is {
				var all []string
				for _, w := range words {
					all = append(all, w.text)
				}
				got = strings.Join(all, ",")
			}
		}
		if got != want {
			t.Errorf("%s\n%q instead of %q", script, got, want)
		}
	}
}

// TestQuoted: any words, quoted for a shell, come back as they were.
func TestQuoted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.StringMatching("[a-zé結 $|;&#\"\\\\>=-]{1,8}"), 1, 4).Draw(t, "words")
		var script strings.Builder
		script.WriteString("canarize")
		for _, w := range want {
			script.WriteString(" '" + w + "'")
		}
		all := commands("true; " + script.String() + " && true")
		words, is := all[1].canarize()
		if !is || len(words) != len(want) {
			t.Fatalf("%s: %v", script.String(), words)
		}
		for i, w := range words {
			if w.text != want[i] {
				t.Fatalf("%q instead of %q", w.text, want[i])
			}
		}
	})
}

func FuzzFile(f *testing.F) {
	f.Add([]byte(header + "spec: {ramp: {steps: [{weight: 1}]}}"))
	f.Add([]byte(steps + "    - run: \"canarize run $(a 'b\"\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, found := range File("f", content, world()) {
			if found.Check == "" || found.Problem == "" || found.Level == "" {
				t.Errorf("%+v", found)
			}
		}
	})
}
