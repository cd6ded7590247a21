// Package lint finds mistakes in release files and in the pipelines that call canarize,
// before anything runs. It knows no cluster. Pure.
package lint

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/releasefile"
)

// Level says how bad a finding is.
type Level string

// The levels.
const (
	Error   Level = "error"   // it will fail, or do something else than it says
	Warning Level = "warning" // it may
)

// Check is the name of a check. Names are a contract: pipelines filter by them.
type Check string

// Checks returns the names of all checks.
func Checks() []Check {
	return []Check{
		ReleaseFile, WholeWeights, StepsOnly, ShortDeadline, LateGate, UnknownMetric, MissingInput, MissingProgram,
		Pipeline, WrongCommand, NoManifests, NoCleanup, HiddenExit, JobTimeout, ConcurrentRuns, MovingTag, UnknownFile,
	}
}

// The checks of release files.
const (
	ReleaseFile    Check = "release-file"    // the file cannot be read
	WholeWeights   Check = "whole-weights"   // a step is no whole percentage
	StepsOnly      Check = "steps-only"      // a setting has no effect, because there are steps
	ShortDeadline  Check = "short-deadline"  // the steps take longer than the deadline allows
	LateGate       Check = "late-gate"       // the share never reaches the weight of a gate
	UnknownMetric  Check = "unknown-metric"  // a setting of a metric that the source does not count
	MissingInput   Check = "missing-input"   // manifests that do not exist
	MissingProgram Check = "missing-program" // a gate whose program does not exist
)

// The checks of pipelines.
const (
	Pipeline       Check = "pipeline"        // the file cannot be read
	WrongCommand   Check = "wrong-command"   // a verb or flag that does not exist
	NoManifests    Check = "no-manifests"    // a command without manifests and release file
	NoCleanup      Check = "no-cleanup"      // no step that always takes back an unfinished release
	HiddenExit     Check = "hidden-exit"     // the exit code is lost
	JobTimeout     Check = "job-timeout"     // the job ends before the release may
	ConcurrentRuns Check = "concurrent-runs" // two runs may release at once
	MovingTag      Check = "moving-tag"      // an image by a tag that moves
	UnknownFile    Check = "unknown-file"    // neither a release file nor a pipeline
)

// Finding is something to mend.
type Finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Level   Level  `json:"level"`
	Check   Check  `json:"check"`
	Problem string `json:"problem"`
	Mend    string `json:"mend,omitempty"`
}

// String returns the finding as one line.
func (f Finding) String() string {
	text := fmt.Sprintf("%s:%d: %s: %s", f.File, max(f.Line, 1), f.Level, f.Problem)
	if f.Mend != "" {
		text += "; " + f.Mend
	}
	return text + " (" + string(f.Check) + ")"
}

// Call is a command line of canarize in a pipeline.
type Call struct {
	Verb string
	Args []string
	// Flags has the values of the given flags by their long names.
	Flags map[string][]string
}

// World answers what a check has to know about the outside.
type World struct {
	// Parse parses the arguments of canarize. The error says what is wrong with them.
	Parse func(args []string) (Call, error)
	// Exists reports whether a path exists. Beside is the folder of a file.
	Exists func(path string) bool
	Beside func(file, path string) string
}

// File checks a file, and returns what it found in the order of the lines.
func File(name string, content []byte, world World) []Finding {
	l := &linter{file: name, world: world}
	root, err := parse(name, content)
	switch {
	case len(bytes.TrimSpace(content)) == 0:
		l.add(0, Warning, UnknownFile, "the file is empty", "")
	case err != nil:
		l.add(0, Error, Pipeline, err.Error(), "")
	case root == nil:
		l.add(0, Warning, UnknownFile, "the file has only comments", "")
	case text(member(root, "kind")) == releasefile.Kind:
		l.release(content, root)
	case isPipeline(root):
		l.pipeline(root)
	default:
		l.add(root.Line, Warning, UnknownFile, "it is neither a release file nor a pipeline of Azure, GitHub or GitLab, so nothing was checked", "")
	}
	slices.SortStableFunc(l.found, func(a, b Finding) int { return cmp.Compare(a.Line, b.Line) })
	return l.found
}

// maxValues bounds the work on a file.
const maxValues = 50_000

func parse(name string, content []byte) (*yaml.Node, error) {
	if err := manifest.NewGuard(maxValues).Check(manifest.Source{Name: name, Data: content}); err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	var document yaml.Node
	if err := yaml.Load(content, &document); err != nil {
		return nil, fmt.Errorf("it is no YAML: %w", err)
	}
	if len(document.Content) == 0 {
		return nil, nil
	}
	return document.Content[0], nil
}

type linter struct {
	file  string
	world World
	found []Finding
}

func (l *linter) add(line int, level Level, check Check, problem, mend string) {
	l.found = append(l.found, Finding{File: l.file, Line: line, Level: level, Check: check, Problem: problem, Mend: mend})
}

// member returns a value of a mapping, or nil.
func member(n *yaml.Node, name string) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// text returns a scalar; "" of anything else.
func text(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}
