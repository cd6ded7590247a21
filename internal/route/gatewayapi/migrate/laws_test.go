package migrate

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/manifest/golden"
	"github.com/canarize/canarize/internal/route/emissary/model"
	gateway "github.com/canarize/canarize/internal/route/gatewayapi/model"
)

// witness asks both models, by what goes in and what comes out. It knows a Mapping by its
// Service, so every Mapping of its sets has one of its own.
type witness struct {
	router  *model.Router
	config  model.Configuration
	gateway *gateway.Model
	routes  map[gateway.ID]map[string]any
	byName  map[string]Mapping // by the name of a Mapping, or of its Service
}

func newWitness(set *manifest.Set, r Result, options Options) witness {
	w := witness{routes: map[gateway.ID]map[string]any{}, byName: map[string]Mapping{}}
	var objects, routes []map[string]any
	for _, o := range set.Objects {
		objects = append(objects, set.Value(o))
	}
	for _, o := range r.Objects {
		routes = append(routes, o.Value())
		w.routes[gateway.IDOf(o.Value())] = o.Value()
	}
	w.config = model.Configure(objects, options.Emissary)
	w.router = model.NewRouter(w.config)
	w.gateway = gateway.New(routes, gateway.Options{})
	for _, m := range r.Mappings {
		w.byName[m.ID.Name] = m
	}
	return w
}

// announces reports whether a Mapping has a change about its prefix.
func (m Mapping) announces(what string) bool {
	return slices.ContainsFunc(m.Changes, func(l Line) bool { return strings.HasPrefix(l.Text, what) })
}

// disagreement returns how the models differ about a request; "" if they do not, or if that
// is announced. answered reports whether moved Mappings answer it.
func (w witness) disagreement(q model.Request) (difference string, answered bool) {
	emissary, rest, announced := map[string]int64{}, int64(model.Whole), false
	for _, p := range w.config.Ports[:min(len(w.config.Ports), 1)] {
		for _, taken := range w.router.Ask(p, q) {
			g := w.config.Routes[taken.Group]
			if g.Internal {
				return "", false
			}
			route := g.Redirect
			if taken.Route >= 0 {
				route = &g.Routes[taken.Route]
			}
			m := w.byName[route.Name]
			if m.Outcome != Moved {
				return "", false
			}
			inside := strings.TrimPrefix(q.Path, g.Prefix)
			for _, other := range append(g.Routes, *route) { // one of the group announces it
				announced = announced || inside != "" && !strings.HasSuffix(g.Prefix, "/") && inside[0] != '/' && w.byName[other.Name].announces("prefix: a route compares whole elements")
			}
			name := "redirect " + fmt.Sprint(route.Spec["service"])
			if taken.Route >= 0 {
				name = fmt.Sprint(route.Spec["service"])
			}
			emissary[name] += int64(taken.Parts)
			rest -= int64(taken.Parts)
		}
	}
	if rest > 0 {
		emissary["nobody"] = rest
	}
	request := gateway.Request{Host: q.Host, Port: 443, Method: q.Method, Path: q.Path, Query: q.Query, Headers: map[string][]string{}}
	for name, value := range q.Headers {
		request.Headers[name] = []string{value}
	}
	have, whole, open := map[string]int64{}, int64(1), ""
	answers := w.gateway.Ask(request)
	if len(answers) == 0 || answers[0].Group == nil {
		have["nobody"] = 1
	}
	for _, a := range answers {
		open = a.Open
		if a.Group == nil {
			continue
		}
		open += a.Group.Remark
		if a.Group.Status == "redirect" {
			to := w.redirectOf(a.Group.Route, a.Group.Rule)
			have["redirect "+to] = 1
			announced = announced || emissary["nobody"] == model.Whole && w.byName[to].announces("prefix: "+q.Path+" goes to it too")
			continue
		}
		whole = a.Group.Rows[0].Of
		for _, row := range a.Group.Rows {
			if row.Weight > 0 {
				have[row.Name] += row.Weight
			}
			m := w.byName[row.Name]
			announced = announced || emissary["nobody"] == model.Whole && m.announces("prefix: "+q.Path+" goes to it too")
		}
	}
	same := maps.EqualFunc(emissary, have, func(a, b int64) bool { return a*whole == b*model.Whole })
	if !announced && (!same || open != "") {
		return fmt.Sprintf("%+v: Emissary %v of %d, routes %v of %d %s", q, emissary, model.Whole, have, whole, open), false
	}
	return "", emissary["nobody"] == 0
}

// redirectOf returns the host to which a rule redirects.
func (w witness) redirectOf(id gateway.ID, rule int) string {
	return text(filterOf(ruleOf(w.routes[id], rule), "requestRedirect")["hostname"])
}

// drawSet draws Mappings and Hosts. Each Mapping has the name of its Service.
func drawSet(t *rapid.T) string {
	var docs []string
	some := func(field string, often int, values ...string) string {
		if rapid.IntRange(0, often).Draw(t, field+"?") > 0 {
			return ""
		}
		return "  " + field + ": " + rapid.SampledFrom(values).Draw(t, field) + "\n"
	}
	for i := range rapid.IntRange(1, 7).Draw(t, "mappings") {
		name := fmt.Sprintf("m%d", i)
		spec := "  prefix: " + rapid.SampledFrom([]string{"/", "/", "/a", "/a/", "/a/", "/a/b/", "/a/b", "/ab/", "/b/", "/b/[0-9]+"}).Draw(t, "prefix") + "\n"
		if strings.Contains(spec, "[") {
			spec += "  prefix_regex: true\n"
		} else {
			spec += some("prefix_exact", 7, "true")
		}
		if rapid.IntRange(0, 9).Draw(t, "named?") > 0 {
			spec += "  hostname: " + rapid.SampledFrom([]string{`"*"`, `"*"`, "shop.example.com", `"*.example.com"`, "other.test"}).Draw(t, "hostname") + "\n"
		}
		spec += some("weight", 2, "0", "10", "60", "100") +
			some("rewrite", 2, `""`, "/", "/z/", "/a/b/") +
			some("method", 5, "GET", "POST") +
			some("headers", 3, "{x-a: one}", "{x-b: two}", "{x-a: one, x-b: two}", "{x-longer-name: three}") +
			some("regex_headers", 8, "{x-a: o.*}", "{x-request-id: '.*0$'}") +
			some("query_parameters", 6, `{q: "1"}`) +
			some("precedence", 8, "1", "-1") +
			some("shadow", 9, "true") +
			some("timeout_ms", 9, "5000")
		if rapid.IntRange(0, 9).Draw(t, "redirects?") == 0 {
			name += ".example.com"
			spec += "  host_redirect: true\n"
		}
		namespace := rapid.SampledFrom([]string{"shop", "shop", "shop", "web"}).Draw(t, "namespace")
		docs = append(docs, fmt.Sprintf("apiVersion: getambassador.io/v3alpha1\nkind: Mapping\nmetadata: {name: %s, namespace: %s}\nspec:\n  service: %s\n%s", name, namespace, name, spec))
	}
	for _, host := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{`"*"`, "shop.example.com", `"*.example.com"`}), 0, 2, rapid.ID).Draw(t, "hosts") {
		docs = append(docs, fmt.Sprintf("apiVersion: getambassador.io/v3alpha1\nkind: Host\nmetadata: {name: h%d, namespace: shop}\nspec: {hostname: %s, requestPolicy: {insecure: {action: Route}}}\n", len(docs), host))
	}
	return strings.Join(docs, "---\n")
}

func drawRequest(t *rapid.T) model.Request {
	q := model.Request{
		Host:    rapid.SampledFrom([]string{"shop.example.com", "www.example.com", "a.b.example.com", "other.test", "elsewhere.test"}).Draw(t, "host"),
		Method:  rapid.SampledFrom([]string{"GET", "GET", "POST", "PUT"}).Draw(t, "method"),
		Path:    "/" + strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab", "z", "7", "a/"}), 0, 3).Draw(t, "path"), "/"),
		Query:   url.Values{},
		Headers: map[string]string{},
	}
	q.Path = strings.ReplaceAll(q.Path, "//", "/")
	for _, header := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"x-a", "x-b", "x-longer-name"}), rapid.ID).Draw(t, "headers") {
		q.Headers[header] = rapid.SampledFrom([]string{"one", "two", "three"}).Draw(t, header)
	}
	if rapid.Bool().Draw(t, "query?") {
		q.Query.Set("q", "1")
	}
	return q
}

func sentences(r Result) (out string) {
	for _, l := range r.Lines(true) {
		out += l.Text + "\n"
	}
	return out
}

// TestModelsAgree: whatever Mappings are moved, both models give every request to the same
// Services with the same shares, unless the difference is announced.
func TestModelsAgree(t *testing.T) {
	moved, refused, answered := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		set := load(t, drawSet(t))
		r := Migrate(set, usual())
		moved += r.Count(Moved)
		refused += r.Count(Refused)
		w := newWitness(set, r, usual())
		for range 40 {
			difference, real := w.disagreement(drawRequest(t))
			if difference != "" {
				t.Fatalf("%s\n%s", difference, sentences(r))
			}
			if real {
				answered++
			}
		}
	})
	t.Logf("%d Mappings moved, %d refused; %d requests that they answer were compared", moved, refused, answered)
	if moved < refused/2 || answered < 50 {
		t.Error("too few: this proves nothing")
	}
}

// TestRealSets does the same with the sets of which Emissary's own generator made the
// routes that the model of Emissary is checked with.
func TestRealSets(t *testing.T) {
	moved, refused, ignored := 0, 0, 0
	for _, name := range []string{"shares.json", "generated.json", "ingress.json"} {
		source, err := os.ReadFile(filepath.Join("..", "..", "emissary", "model", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		var sets map[string]struct{ Mappings []map[string]any }
		if err := json.Unmarshal(source, &sets); err != nil {
			t.Fatal(err)
		}
		for _, name := range sortedKeys(sets) {
			var objects []*manifest.Object
			for _, o := range sets[name].Mappings {
				objects = append(objects, &manifest.Object{Root: manifest.From(o), Pos: manifest.Position{File: name, Line: 1}})
			}
			set, err := manifest.NewSet(objects, "")
			if err != nil {
				continue // two of a name
			}
			r := Migrate(set, usual())
			moved, refused, ignored = moved+r.Count(Moved), refused+r.Count(Refused), ignored+r.Count(Ignored)
			for _, m := range r.Mappings {
				if m.Outcome == Moved && len(m.Routes) == 0 || m.Outcome != Moved && len(m.Reasons) == 0 {
					t.Errorf("%s: %s: %+v", name, m.ID, m)
				}
			}
		}
	}
	t.Logf("%d Mappings moved, %d refused, %d without requests", moved, refused, ignored)
	if moved < 300 {
		t.Error("too few: this proves nothing")
	}
}

// FuzzMigrate: no input makes Migrate panic, and every Mapping has an outcome with a route or
// a reason.
func FuzzMigrate(f *testing.F) {
	for _, files := range golden.Files(f) {
		f.Add(files["input.yml"])
	}
	f.Fuzz(func(t *testing.T, text string) {
		objects, err := manifest.Parse(manifest.Source{Name: "f", Data: []byte(text)})
		if err != nil {
			return
		}
		set, err := manifest.NewSet(objects, "")
		if err != nil {
			return
		}
		for _, m := range Migrate(set, usual()).Mappings {
			if m.Outcome == Moved && len(m.Routes) == 0 || m.Outcome != Moved && len(m.Reasons) == 0 {
				t.Errorf("%+v", m)
			}
		}
	})
}
