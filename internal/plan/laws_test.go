package plan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/plan"
)

// outcome is a world with its canary, as an API server would read both.
type outcome struct {
	world  *world
	input  []obj
	output []obj
	// stable maps each object of the output to the one it was made from.
	stable []obj
	notes  []note.Note
	text   []byte // the output as printed
}

// documents decodes a stream of YAML documents with kubectl's reader instead of the
// engine's.
func documents(t rapid.TB, text []byte) []obj {
	var all []obj
	for _, document := range bytes.Split(append([]byte("\n"), text...), []byte("\n---\n")) {
		var o obj
		if err := yaml.UnmarshalStrict(document, &o); err != nil {
			t.Fatalf("kubectl's reader: %v\n%s", err, document)
		}
		if o != nil {
			all = append(all, o)
		}
	}
	return all
}

// plain converts objects to the types that a decoder returns.
func plain(t rapid.TB, objects []obj) []obj {
	text, err := json.Marshal(objects)
	if err != nil {
		t.Fatal(err)
	}
	var out []obj
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// encoded writes objects in one of the formats that users have them in.
func encoded(t rapid.TB, objects []obj, form string) manifest.Source {
	if form == "json" {
		text, err := json.MarshalIndent(obj{"apiVersion": "v1", "kind": "List", "items": objects}, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		return manifest.Source{Name: "world.json", Data: text}
	}
	var text bytes.Buffer
	for _, o := range objects {
		document, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString("---\n")
		text.Write(document)
	}
	return manifest.Source{Name: "world.yml", Data: text.Bytes()}
}

// generate runs the engine.
func generate(source manifest.Source, options plan.Options) (plan.Generated, []byte, error) {
	objects, err := manifest.Parse(source)
	if err != nil {
		return plan.Generated{}, nil, err
	}
	set, err := plan.NewSet(objects, options.Canary.Namespace)
	if err != nil {
		return plan.Generated{}, nil, err
	}
	g, err := plan.Generate(set, options)
	if err != nil {
		return plan.Generated{}, nil, err
	}
	text, err := g.Print()
	return g, text, err
}

// position matches the beginning of every refusal: file, line and object.
var position = regexp.MustCompile(`^world\.(yml|json):[1-9][0-9]*: [A-Z][A-Za-z]+ [-a-z0-9./]+: .`)

// checkLaw checks a law on the canaries of random worlds. The worlds are valid, so a
// refusal is rare (for example if two names cannot both get the suffix) and always has a
// position.
func checkLaw(t *testing.T, law func(t *rapid.T, x outcome)) {
	t.Helper()
	t.Parallel()
	worlds, refused := 0, map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		source := encoded(t, w.objects, one(w, "form", "json", "json", "json", "yaml"))
		g, text, err := generate(source, w.options)
		worlds++
		if err != nil {
			if !position.MatchString(err.Error()) {
				t.Fatalf("the refusal does not say where: %v", err)
			}
			if left := (*canary.LeftAloneError)(nil); errors.As(err, &left) {
				worlds-- // nothing in it gets traffic and is safe to run twice
				return
			}
			refused[shorter.Replace(err.Error())]++
			return
		}
		x := outcome{world: w, output: documents(t, text), notes: g.Notes, text: text}
		x.input = plain(t, w.objects)
		byID := map[string]obj{}
		for _, o := range x.input {
			byID[identity(o)] = o
		}
		for _, d := range g.Derived {
			x.stable = append(x.stable, byID[identity(d.Stable.Value())])
		}
		if len(x.output) != len(x.stable) || len(x.output) == 0 {
			t.Fatalf("%d objects printed, %d derived", len(x.output), len(x.stable))
		}
		defer func() {
			if t.Failed() {
				t.Logf("options %+v\n--- input\n%s\n--- output\n%s", w.options, encoded(t, w.objects, "yaml").Data, text)
			}
		}()
		law(t, x)
	})
	if n := total(refused); tooMany(n, worlds) {
		t.Errorf("%d of %d sane worlds were refused: %s", n, worlds, summary(refused))
	}
}

// tooMany reports whether more worlds were refused than chance explains. In a short run a
// few refusals are a large part.
func tooMany(refused, worlds int) bool { return refused > 4+worlds/20 }

// shorter makes messages about long names readable.
var shorter = strings.NewReplacer("a-very-long-name-", "~")

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

func summary(counts map[string]int) string {
	var b strings.Builder
	for text, n := range counts {
		fmt.Fprintf(&b, "\n%d × %.300s", n, text)
	}
	return b.String()
}

// pair is the pods of a stable workload and of its canary.
type pair struct{ stable, canary pods }

// workloads returns the workloads that have a canary.
func (x outcome) workloads() []pair {
	var all []pair
	for i, o := range x.output {
		if isWorkload(o) {
			all = append(all, pair{podsOf(x.stable[i]), podsOf(o)})
		}
	}
	return all
}

// made returns the canaries of a kind and their originals.
func (x outcome) made(k string) (stable, canaries []obj) {
	for i, o := range x.output {
		if kind(o) == k && !isForeign(o) {
			stable, canaries = append(stable, x.stable[i]), append(canaries, o)
		}
	}
	return stable, canaries
}

// of returns the input objects of a kind.
func (x outcome) of(k string) []obj {
	var all []obj
	for _, o := range x.input {
		if kind(o) == k && !isForeign(o) {
			all = append(all, o)
		}
	}
	return all
}

// runOn runs the engine on parsed objects.
func runOn(t rapid.TB, x outcome, objects []*manifest.Object) []byte {
	set, err := plan.NewSet(objects, x.world.options.Canary.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	g, err := plan.Generate(set, x.world.options)
	if err != nil {
		t.Fatal(err)
	}
	text, err := g.Print()
	if err != nil {
		t.Fatal(err)
	}
	return text
}
