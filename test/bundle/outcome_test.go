package bundle

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/input"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/plan"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/emissary/derive"
)

// outcome is what `canarize generate` makes of an application.
type outcome struct {
	lines []line
	err   string // why nothing was made
}

// line is one thing that was done or said about an object.
type line struct {
	object string // KIND/NAME
	what   string // one of the following, or the name of a warning
	text   string // the reason, or what the note says
}

const (
	canaried  = "canary"
	leftAlone = "left"
	noted     = "note"
)

// arguments are those of `canarize generate` for an application.
type arguments struct {
	weight int
	canary canary.Options
	inputs []string
}

// readArguments reads generate.args, in which inputs are relative to the folder.
func readArguments(t *testing.T, folder string) arguments {
	t.Helper()
	a := arguments{canary: canary.Options{Suffix: "-canary"}}
	flags := flag.NewFlagSet(folder, flag.ContinueOnError)
	flags.IntVar(&a.weight, "w", 0, "")
	flags.Func("I", "", func(text string) error {
		image, err := canary.ParseImage(text)
		a.canary.Images = append(a.canary.Images, image)
		return err
	})
	flags.Func("include", "", func(text string) error {
		kind, name, _ := strings.Cut(text, "/")
		a.canary.Include = append(a.canary.Include, canary.WorkloadRef{Kind: kind, Name: name})
		return nil
	})
	if err := flags.Parse(strings.Fields(read(t, folder, "generate.args"))); err != nil {
		t.Fatal(err)
	}
	a.inputs = flags.Args()
	return a
}

// generate derives the canary of an application, in its folder.
func generate(t *testing.T, folder string) outcome {
	t.Helper()
	a := readArguments(t, folder)
	back, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(folder)
	defer t.Chdir(back)
	objects, err := input.Objects(t.Context(), a.inputs, input.Options{})
	if err != nil {
		t.Fatal(err)
	}
	set, err := plan.NewSet(objects, "")
	if err != nil {
		t.Fatal(err)
	}
	g, err := plan.Generate(set, plan.Options{
		Weight: &a.weight, Prefix: "/", Hostname: "*", Canary: a.canary,
		Routers: []route.Named{{Name: route.Default, Deriver: derive.Router{Namespace: "emissary"}}},
	})
	var left *canary.LeftAloneError
	switch {
	case errors.As(err, &left):
		return outcome{lines: linesOf(left.Lines), err: err.Error()}
	case err != nil:
		return outcome{err: err.Error()}
	}
	var o outcome
	for _, d := range g.Derived {
		o.lines = append(o.lines, line{object: named(d.Stable), what: canaried})
	}
	o.lines = append(o.lines, linesOf(g.Notes)...)
	return o
}

// linesOf returns the lines of notes.
func linesOf(notes []note.Note) []line {
	var lines []line
	for _, n := range notes {
		l := line{named(n.Object), string(n.Name), n.Text}
		reason, left := strings.CutPrefix(n.Text, "gets no canary: ")
		switch {
		case n.Level == note.Debug:
			continue
		case left && workloads[n.Object.Kind()]:
			l.what, l.text = leftAlone, reason
		case n.Level == note.Info:
			l.what = noted
		}
		lines = append(lines, l)
	}
	return lines
}

// workloads are the kinds that can get a canary.
var workloads = map[string]bool{"Deployment": true, "StatefulSet": true, "DaemonSet": true}

func named(o *manifest.Object) string { return o.Kind() + "/" + o.Name() }

// String returns the outcome as outcome.txt has it.
func (o outcome) String() string {
	var b strings.Builder
	for _, l := range o.lines {
		b.WriteString(l.what + " " + l.object)
		if l.text != "" {
			b.WriteString(": " + l.text)
		}
		b.WriteString("\n")
	}
	if o.err != "" {
		b.WriteString("error: " + o.err + "\n")
	}
	return b.String()
}

func read(t *testing.T, folder, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
