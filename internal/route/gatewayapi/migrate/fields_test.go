package migrate

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/manifest"
)

// crdFields returns the fields of a Mapping's spec in the CRD of Emissary 3.10, getambassador.io/v3alpha1.
func crdFields(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/fields.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

// trials has, for every field that the translation knows, a spec with it that a route can
// do and one that no route can; "" if there is no such spec. {} stands for a plain Mapping.
var trials = map[string]struct{ good, bad string }{
	"add_request_headers":     {"add_request_headers: {x-a: {value: b}}", "add_request_headers: {x-a: {value: '%PROTOCOL%'}}"},
	"add_response_headers":    {"add_response_headers: {x-a: {value: b}}", "add_response_headers: {x-a: {value: ''}}"},
	"allow_upgrade":           {"allow_upgrade: [websocket]", "allow_upgrade: [spdy/3.1]"},
	"case_sensitive":          {"case_sensitive: true", "case_sensitive: false"},
	"cors":                    {"cors: {origins: ['https://a.example.com']}", "cors: {origins: [a.example.com]}"},
	"grpc":                    {"{grpc: true, prefix: /a.B/, rewrite: /a.B/}", "{grpc: true, prefix: /a.B/, rewrite: /a.B/, query_parameters: {a: b}}"},
	"headers":                 {"headers: {x-a: b}", "headers: {':path': b}"},
	"host":                    {"{hostname: null, host: a.example.com}", "{hostname: null, host: a_b.example.com}"},
	"host_redirect":           {"{host_redirect: true, service: a.example.com}", "{host_redirect: true, service: a.example.com, grpc: true, prefix: /a.B/}"},
	"host_regex":              {"", "{hostname: null, host: '.*', host_regex: true}"},
	"host_rewrite":            {"host_rewrite: a.example.com", "host_rewrite: 'a.example.com:80'"},
	"hostname":                {"hostname: '*.example.com'", "hostname: 'example.*'"},
	"load_balancer":           {"{resolver: endpoint, load_balancer: {policy: round_robin}}", "{resolver: endpoint, load_balancer: {policy: maglev, source_ip: true}}"},
	"method":                  {"method: GET", "method: PURGE"},
	"method_regex":            {"{method: GET|HEAD, method_regex: true}", "{method: '.*', method_regex: true}"},
	"path_redirect":           {"{host_redirect: true, service: a.example.com, path_redirect: /b}", "{host_redirect: true, service: a.example.com, path_redirect: '/b?c'}"},
	"precedence":              {"precedence: 1", ""}, // TestGolden has one that cannot
	"prefix":                  {"prefix: /b/", "prefix: /b-"},
	"prefix_exact":            {"prefix_exact: true", ""},
	"prefix_redirect":         {"{host_redirect: true, service: a.example.com, prefix_redirect: /b/}", "{host_redirect: true, service: a.example.com, prefix_redirect: b}"},
	"prefix_regex":            {"{prefix: '/a/[0-9]+', prefix_regex: true}", ""},
	"query_parameters":        {"query_parameters: {a: b}", "query_parameters: {a: ''}"},
	"redirect_response_code":  {"{host_redirect: true, service: a.example.com, redirect_response_code: 307}", ""},
	"regex_headers":           {"regex_headers: {x-a: b+}", "regex_headers: {x-request-id: '.*0'}"},
	"regex_query_parameters":  {"regex_query_parameters: {a: b+}", "regex_query_parameters: {a: ''}"},
	"remove_request_headers":  {"remove_request_headers: [x-a]", "{remove_request_headers: [x-a], add_request_headers: {X-A: {value: b}}}"},
	"remove_response_headers": {"remove_response_headers: [x-a]", "{remove_response_headers: [x-a], add_response_headers: {X-A: {value: b}}}"},
	"resolver":                {"resolver: kubernetes-service", "resolver: my-consul"},
	"rewrite":                 {"rewrite: /b/", "rewrite: b"},
	"service":                 {"service: b.c:81", "service: https://b"},
	"shadow":                  {"", ""}, // TestGolden has some
	"timeout_ms":              {"timeout_ms: 1500", "timeout_ms: 0.5"},
	"use_websocket":           {"use_websocket: true", ""},
	"weight":                  {"weight: 5", "weight: -1"},
}

// samples are values of the fields that a route has no use for.
var samples = map[string]string{
	"add_linkerd_headers": "true", "auth_context_extensions": "{a: b}", "auto_host_rewrite": "true",
	"circuit_breakers": "[{max_connections: 1}]", "envoy_override": "{a: 1}", "error_response_overrides": "[{on_status_code: 404}]",
	"health_checks": "[{health_check: {}}]", "keepalive": "{probes: 1}", "labels": "{a: [{b: []}]}", "modules": "[{a: 1}]",
	"outlier_detection": "a", "priority": "high", "regex_redirect": "{pattern: a, substitution: b}",
	"regex_rewrite": "{pattern: a, substitution: b}", "retry_policy": "{retry_on: 5xx}", "tls": "a-context", "ambassador_id": "[default]",
	"docs": "{ignored: true}", "cluster_tag": "a", "stats_name": "a", "dns_type": "STRICT_DNS",
	"v2BoolHeaders": "[a]", "v2BoolQueryParameters": "[a]", "v2ExplicitTLS": "{tls: a}",
}

// migrated migrates a plain Mapping with other or more fields.
func migrated(t *testing.T, fields string) (Mapping, string) {
	t.Helper()
	o := manifest.NewMap("apiVersion", "getambassador.io/v3alpha1", "kind", "Mapping", "metadata", manifest.NewMap("name", "a", "namespace", "a"))
	spec := manifest.NewMap("hostname", "*", "prefix", "/a/", "service", "a")
	if !strings.HasPrefix(fields, "{") {
		fields = "{" + fields + "}"
	}
	objects, err := manifest.Parse(manifest.Source{Name: "f", Data: []byte("apiVersion: v1\nkind: Mapping\nmetadata: {name: a}\nspec: " + fields + "\n")})
	if err != nil {
		t.Fatal(err)
	}
	more := manifest.Get(objects[0].Root, "spec")
	for i, key := range manifest.Keys(more) {
		manifest.Put(spec, key, more.Content[2*i+1])
	}
	manifest.Put(o, "spec", spec)
	text, err := (&manifest.Object{Root: o}).YAML()
	if err != nil {
		t.Fatal(err)
	}
	r := Migrate(load(t, string(text)), usual())
	var printed [][]byte
	for _, object := range r.Objects {
		text, err := object.YAML()
		if err != nil {
			t.Fatal(err)
		}
		printed = append(printed, text)
	}
	return r.Mappings[0], string(bytes.Join(printed, nil))
}

// TestEveryField: every field of the CRD is translated, named as one that does not matter, or
// the reason for a refusal. No field is lost in silence.
func TestEveryField(t *testing.T) {
	known := crdFields(t)
	for _, f := range fields {
		if !slices.Contains(known, f.name) {
			t.Errorf("%s is no field of the CRD", f.name)
		}
	}
	page, err := os.ReadFile("../../../../docs/migrate.md")
	if err != nil {
		t.Fatal(err)
	}
	_, plain := migrated(t, "")
	counts := map[fate]int{}
	for _, name := range known {
		f := lookUp(name)
		if strings.Contains(f.why, "no known field") {
			t.Errorf("%s: nothing says what becomes of it", name)
			continue
		}
		counts[f.fate]++
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("%s: docs/migrate.md does not say what becomes of it", name)
		}
		if f.fate == moves {
			trial, found := trials[name]
			if !found {
				t.Errorf("%s: no trial", name)
			}
			checkTrial(t, name, trial.good, trial.bad, plain)
			continue
		}
		value, found := samples[name]
		if !found {
			value = "true"
			if strings.HasSuffix(name, "_ms") {
				value = "7"
			}
		}
		m, routes := migrated(t, name+": "+value)
		named := slices.ContainsFunc(m.Idle, func(i Field) bool { return i.Name == name })
		switch {
		case f.fate == harmless && (m.Outcome != Moved || routes != plain || !named):
			t.Errorf("%s: %+v\n%s", name, m, routes)
		case f.fate == refused && m.Outcome == Moved, f.fate == refused && m.Outcome == Refused && !mentions(m, name):
			t.Errorf("%s: %+v", name, m)
		}
	}
	t.Logf("%d fields are translated, %d do not matter, %d are refused", counts[moves], counts[harmless], counts[refused])
	if m, _ := migrated(t, "new_field: 1"); m.Outcome != Refused || !mentions(m, "new_field") {
		t.Errorf("an unknown field: %+v", m)
	}
}

func mentions(m Mapping, field string) bool {
	return slices.ContainsFunc(m.Reasons, func(l Line) bool { return strings.Contains(l.Text, field) })
}

// checkTrial checks that a field is in the route or in what is said about it, and that a
// value that no route can do is refused by the name of the field.
func checkTrial(t *testing.T, name, good, bad, plain string) {
	t.Helper()
	same := []string{"case_sensitive", "precedence", "resolver", "weight"} // with these values a plain Mapping does the same
	if good != "" {
		m, routes := migrated(t, good)
		if m.Outcome != Moved || !slices.Contains(m.Fields, name) {
			t.Errorf("%s: %s is not moved: %+v", name, good, m)
		}
		if routes == plain && len(m.Changes) < 2 && !slices.Contains(same, name) {
			t.Errorf("%s: %s changes nothing", name, good)
		}
	}
	if bad != "" {
		if m, _ := migrated(t, bad); m.Outcome != Refused || !mentions(m, name) {
			t.Errorf("%s: %s is not refused by its name: %+v", name, bad, m)
		}
	}
}
