package lint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/canarize/canarize/internal/releasefile"
)

// scriptKeys are the names under which pipelines have scripts.
var scriptKeys = []string{"run", "script", "bash", "pwsh", "powershell", "inlineScript", "before_script", "after_script"}

// isPipeline reports whether a file looks like a pipeline of Azure, GitHub or GitLab.
func isPipeline(root *yaml.Node) bool {
	if root.Kind != yaml.MappingNode || member(root, "apiVersion") != nil {
		return false
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if slices.Contains([]string{"jobs", "stages", "steps", "runs", "extends"}, root.Content[i].Value) || member(root.Content[i+1], "script") != nil {
			return true
		}
	}
	return false
}

// place is where a script stands in a pipeline.
type place struct {
	always   bool         // it runs after a failure too
	tolerant bool         // its failure is ignored
	job      []*yaml.Node // the mappings around it
}

// found is a call of canarize in a pipeline.
type found struct {
	Call
	place
	line int
	// hidden is how the exit code is lost; "" if it is not.
	hidden string
}

func (l *linter) pipeline(root *yaml.Node) {
	var calls []found
	l.walk(root, place{}, func(script string, line int, at place) {
		calls = append(calls, l.calls(script, line, at)...)
	})
	l.cleanup(calls)
	for _, c := range calls {
		l.call(c)
		if c.Verb == "run" {
			l.job(root, c)
		}
	}
}

// walk calls see with every script of a pipeline.
func (l *linter) walk(n *yaml.Node, at place, see func(script string, line int, at place)) {
	switch n.Kind {
	case yaml.SequenceNode:
		for _, child := range n.Content {
			l.walk(child, at, see)
		}
	case yaml.MappingNode:
		condition := text(member(n, "if")) + text(member(n, "condition"))
		at.always = at.always || containsAny(condition, "always()", "failure()", "failed()", "cancelled()", "canceled()", "succeededOrFailed()") || containsAny(text(member(n, "when")), "always", "on_failure")
		at.tolerant = at.tolerant || slices.Contains([]string{text(member(n, "continue-on-error")), text(member(n, "continueOnError")), text(member(n, "allow_failure"))}, "true")
		at.job = append(slices.Clip(at.job), n)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, child, below := n.Content[i], n.Content[i+1], at
			below.always = at.always || key.Value == "after_script" || key.Value == "failure"
			if !slices.Contains(scriptKeys, key.Value) {
				l.walk(child, below, see)
				continue
			}
			for _, s := range scripts(child) {
				line := s.Line
				if s.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
					line++
				}
				see(s.Value, line, below)
			}
			if child.Kind == yaml.MappingNode {
				l.walk(child, below, see)
			}
		}
	}
}

// scripts returns the scalar, or the scalars of a list.
func scripts(n *yaml.Node) []*yaml.Node {
	switch n.Kind {
	case yaml.ScalarNode:
		return []*yaml.Node{n}
	case yaml.SequenceNode:
		var all []*yaml.Node
		for _, child := range n.Content {
			all = append(all, scripts(child)...)
		}
		return all
	}
	return nil
}

func containsAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}

// calls returns the calls of canarize in a script, and reports those that are wrong.
func (l *linter) calls(script string, line int, at place) (all []found) {
	safe := strings.Contains(script, "pipefail")
	for _, c := range commands(script) {
		words, is := c.canarize()
		if !is {
			continue
		}
		call, err := l.world.Parse(argumentsOf(words))
		if err != nil {
			l.add(line+c.line, Error, WrongCommand, err.Error(), "")
			continue
		}
		f := found{Call: call, place: at, line: line + c.line}
		switch {
		case c.after == "||" && len(c.next) > 0 && slices.Contains([]string{"true", ":", "echo"}, c.next[0].text):
			f.hidden = "|| " + c.next[0].text
		case c.after == "|" && !safe:
			f.hidden = "a pipe without set -o pipefail"
		case at.tolerant:
			f.hidden = "a setting to continue after errors"
		}
		all = append(all, f)
	}
	return all
}

// cleanup checks that something always takes back an unfinished release.
func (l *linter) cleanup(calls []found) {
	moves := slices.IndexFunc(calls, func(c found) bool { return slices.Contains([]string{"run", "deploy", "shift"}, c.Verb) && !dry(c) })
	if moves < 0 || slices.ContainsFunc(calls, func(c found) bool { return c.Verb == "reject" && c.always }) {
		return
	}
	l.add(calls[moves].line, Error, NoCleanup, fmt.Sprintf("no step that always runs takes back what canarize %s leaves behind when the job is killed", calls[moves].Verb), "add a last step with the condition always() (in GitLab an after_script) that calls canarize reject NAME --if-active")
}

// given reports whether a flag has a value.
func (c found) given(flag string) bool {
	values := c.Flags[flag]
	return len(values) > 0 && values[0] != ""
}

func dry(c found) bool { return c.given("dry-run") && c.Flags["dry-run"][0] != "none" }

// call checks a single call.
func (l *linter) call(c found) {
	if slices.Contains([]string{"run", "deploy", "generate", "diff", "plan"}, c.Verb) && len(c.Args) == 0 && !c.given("config") && (len(c.Flags["config"]) > 0 || !l.world.Exists("release.yml")) {
		l.add(c.line, Error, NoManifests, fmt.Sprintf("canarize %s has no manifests, and no release file", c.Verb), "pass a FILE or DIR, or a release file with --config")
	}
	if slices.Contains([]string{"run", "analyze", "deploy", "shift", "promote"}, c.Verb) && c.hidden != "" {
		l.add(c.line, Warning, HiddenExit, fmt.Sprintf("%s hides the exit code of canarize %s, so the job goes on after a rejection", c.hidden, c.Verb), "let the step fail")
	}
	for _, image := range c.Flags["image"] {
		if _, ref, found := strings.Cut(image, "="); found {
			image = ref
		}
		name := image[strings.LastIndex(image, "/")+1:]
		if strings.HasSuffix(name, ":latest") || !strings.ContainsAny(name, ":@$") && image != "x" {
			l.add(c.line, Warning, MovingTag, fmt.Sprintf("--image %s names no fixed version, so what was tested may not be what is promoted", image), "name a version, or better a digest")
		}
	}
}

// deadline is the default deadline of a release.
const deadline = time.Hour

// job checks the job around a call of run.
func (l *linter) job(root *yaml.Node, c found) {
	limit, found := time.Hour, false // the default of Azure and GitLab
	locked := member(root, "concurrency") != nil
	github := false
	for _, n := range c.place.job {
		for name, unit := range map[string]time.Duration{"timeoutInMinutes": time.Minute, "timeout-minutes": time.Minute} {
			if minutes, err := strconv.Atoi(text(member(n, name))); err == nil {
				limit, found = time.Duration(minutes)*unit, true
			}
		}
		github = github || member(n, "runs-on") != nil
		locked = locked || member(n, "concurrency") != nil || member(n, "resource_group") != nil || member(n, "deployment") != nil || member(n, "lockBehavior") != nil
	}
	if t := member(c.place.job[len(c.place.job)-1], "timeout"); t != nil { // GitLab: 2h 30m
		d, err := time.ParseDuration(strings.ReplaceAll(t.Value, " ", ""))
		found, limit = true, d
		if err != nil {
			limit = 2 * deadline // not understood
		}
	}
	if github && !found {
		limit = 6 * time.Hour
	}
	if limit > 0 && limit <= deadline && !c.given("config") {
		l.add(c.line, Warning, JobTimeout, fmt.Sprintf("the job ends after %s, and a release may take until its deadline, an hour by default", releasefile.Written(limit)), "give the job more time, or the release a shorter spec.analysis.deadline")
	}
	if !locked {
		l.add(c.line, Warning, ConcurrentRuns, "two runs of this pipeline may release at once, and replace each other's canary", "let one wait for the other: concurrency in GitHub, resource_group in GitLab, a deployment job with an exclusive lock in Azure")
	}
}
