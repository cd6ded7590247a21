package model_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/canarize/canarize/internal/route/gatewayapi/model"
)

// m is a decoded mapping.
type m = map[string]any

// setCase is a file of testdata: objects in a short form, and requests with what becomes of
// them. Everything is in namespace edge unless it names another one. Without gateways
// there is one, public, with the listener web on port 80.
type setCase struct {
	About      string                       `yaml:"about"`
	Services   []string                     `yaml:"services"`   // [NAMESPACE/]NAME, port 80
	Namespaces map[string]map[string]string `yaml:"namespaces"` // labels
	Gateways   []m                          `yaml:"gateways"`   // name, namespace, listeners
	Routes     []m                          `yaml:"routes"`     // kind, name, namespace, created, parents, hostnames, rules
	Grants     []m                          `yaml:"grants"`     // namespace, from, to
	Endpoints  map[string][]bool            `yaml:"endpoints"`  // by Service, whether each is ready
	Unattached []string                     `yaml:"unattached"` // NAME CONDITION
	Findings   []string                     `yaml:"findings"`   // the beginnings of all, in order; nil means unchecked
	// Requests holds lines "[grpc] [METHOD] [HOST][:PORT]/PATH[?QUERY] [NAME=VALUE]… -> ANSWER".
	Requests string `yaml:"requests"`
}

func or(v, missing any) any {
	if v == nil {
		return missing
	}
	return v
}

func newObject(version, kind string, namespace, name any, spec any) m {
	return m{"apiVersion": version, "kind": kind, "metadata": m{"namespace": or(namespace, "edge"), "name": name}, "spec": spec}
}

const gatewayAPI = "gateway.networking.k8s.io/v1"

func (c setCase) objects() (out []m) {
	split := func(name string) (string, string) {
		if namespace, short, found := strings.Cut(name, "/"); found {
			return namespace, short
		}
		return "edge", name
	}
	for _, s := range c.Services {
		namespace, name := split(s)
		out = append(out, newObject("v1", "Service", namespace, name, m{"ports": []any{m{"port": 80}}}))
	}
	for s, ready := range c.Endpoints {
		namespace, name := split(s)
		slice := newObject("discovery.k8s.io/v1", "EndpointSlice", namespace, name+"-1", nil)
		slice["metadata"].(m)["labels"] = m{"kubernetes.io/service-name": name}
		var endpoints []any
		for _, r := range ready {
			endpoints = append(endpoints, m{"conditions": m{"ready": r}})
		}
		slice["endpoints"] = endpoints
		out = append(out, slice)
	}
	for name, labels := range c.Namespaces {
		all := m{}
		for k, v := range labels {
			all[k] = v
		}
		out = append(out, m{"apiVersion": "v1", "kind": "Namespace", "metadata": m{"name": name, "labels": all}})
	}
	gateways := c.Gateways
	if gateways == nil {
		gateways = []m{{"name": "public", "listeners": []any{m{"name": "web", "port": 80, "protocol": "HTTP"}}}}
	}
	for _, g := range gateways {
		out = append(out, newObject(gatewayAPI, "Gateway", g["namespace"], g["name"], m{"gatewayClassName": "c", "listeners": g["listeners"]}))
	}
	for i, g := range c.Grants {
		out = append(out, newObject(gatewayAPI, "ReferenceGrant", g["namespace"], fmt.Sprint("g", i), m{"from": g["from"], "to": g["to"]}))
	}
	for _, r := range c.Routes {
		spec := m{"parentRefs": or(r["parents"], []any{m{"name": "public"}}), "hostnames": r["hostnames"], "rules": r["rules"]}
		o := newObject(gatewayAPI, or(r["kind"], "HTTPRoute").(string), r["namespace"], r["name"], spec)
		if r["created"] != nil {
			o["metadata"].(m)["creationTimestamp"] = r["created"]
		}
		out = append(out, o)
	}
	return out
}

// parseRequest parses the part of a line before "->".
func parseRequest(t testing.TB, line string) model.Request {
	q := model.Request{Method: "GET", Port: 80, Headers: map[string][]string{}}
	for _, word := range strings.Fields(line) {
		switch name, value, pair := strings.Cut(word, "="); {
		case word == "grpc":
			q.GRPC, q.Method = true, "POST"
		case strings.Contains(word, "/"):
			u, err := url.Parse("http://" + word)
			if err != nil {
				t.Fatal(err)
			}
			q.Host, q.Path, q.Query = u.Host, u.Path, u.Query()
			if u.Port() != "" {
				q.Port, _ = strconv.ParseInt(u.Port(), 10, 64)
			}
		case name == "port":
			q.Port, _ = strconv.ParseInt(value, 10, 64)
		case pair:
			q.Headers[name] = append(q.Headers[name], value)
		default:
			q.Method = word
		}
	}
	return q
}

// short formats an answer as in the cases.
func short(answers []model.Answer) string {
	var all []string
	for _, a := range answers {
		text, isOpen := a.Status, a.Open != ""
		if g := a.Group; g != nil {
			text = g.Status
			var rows []string
			for _, r := range g.Rows {
				name := strings.TrimSuffix(strings.TrimPrefix(r.Backend.String(), "edge/"), ":80")
				name = strings.Replace(name, " edge/", " ", 1)
				if r.Status != "" {
					name = r.Status
				}
				if len(g.Rows) > 1 {
					name += fmt.Sprintf(" %v %%", r.Percent())
				}
				rows, isOpen = append(rows, name), isOpen || r.Open != ""
			}
			if rows != nil {
				text = strings.Join(rows, ", ")
			}
			isOpen = isOpen || g.Open != ""
		}
		if isOpen {
			text = "open: " + text
		}
		all = append(all, text)
	}
	return strings.Join(all, " | ")
}

func readCases(t testing.TB, pattern string) map[string]setCase {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		t.Fatal(pattern, err)
	}
	out := map[string]setCase{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var c setCase
		decoder := yaml.NewDecoder(strings.NewReader(string(source)))
		decoder.KnownFields(true)
		if err := decoder.Decode(&c); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out[strings.TrimSuffix(filepath.Base(file), ".yml")] = c
	}
	return out
}

// TestConformance: the model answers as the specification's conformance suite expects. Each
// file has the name of a test of it, release 1.6, and the same facts in other words.
// TestSpecification has facts of the specification that the suite does not test.
func TestConformance(t *testing.T)   { checkCases(t, "conformance/*.yml") }
func TestSpecification(t *testing.T) { checkCases(t, "specification/*.yml") }

func checkCases(t *testing.T, pattern string) {
	for name, c := range readCases(t, pattern) {
		t.Run(name, func(t *testing.T) {
			set := model.New(c.objects(), model.Options{Complete: true})
			lines := strings.Split(strings.TrimSpace(c.Requests), "\n")
			for _, line := range lines {
				request, want, found := strings.Cut(line, "->")
				if !found {
					t.Fatalf("no -> in %q", line)
				}
				answers := set.Ask(parseRequest(t, request))
				if got := short(answers); got != strings.TrimSpace(want) {
					t.Errorf("%s: answered %q\n%+v", line, got, answers)
				}
			}
			report := set.Report()
			var outside []string
			for _, u := range report.Unattached {
				outside = append(outside, strings.TrimSpace(u.Route.Name+" "+u.Condition))
			}
			if diff := cmp.Diff(c.Unattached, outside); diff != "" {
				t.Errorf("unattached (-want +got):\n%s", diff)
			}
			if c.Findings == nil {
				return
			}
			if len(report.Problems) != len(c.Findings) {
				t.Errorf("%d findings, expected %d: %q", len(report.Problems), len(c.Findings), report.Problems)
				return
			}
			for i, p := range report.Problems {
				if !strings.HasPrefix(p.String(), c.Findings[i]) {
					t.Errorf("finding %q, expected %q", p, c.Findings[i])
				}
			}
		})
	}
}
