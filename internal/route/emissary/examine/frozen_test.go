package examine_test

import (
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/doctor/doctortest"
	"github.com/canarize/canarize/internal/route/emissary/examine"
)

// TestFrozen: whatever makes Envoy refuse the configuration is named, in any namespace and
// in annotations, and nothing else is.
func TestFrozen(t *testing.T) {
	mapping := func(spec string) string {
		return `{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: odd, namespace: other}, spec: {hostname: "*", service: other, ` + spec + `}}`
	}
	annotated := "kind: Service\napiVersion: v1\nmetadata:\n  name: odd\n  namespace: other\n  annotations:\n    getambassador.io/config: |\n" +
		"      apiVersion: getambassador.io/v3alpha1\n      kind: Mapping\n      name: odd\n      hostname: \"*\"\n      prefix: \"/x(\"\n      prefix_regex: true\n      service: odd\n"
	for name, c := range map[string]struct{ object, says string }{
		"prefix":          {mapping(`prefix: "/x(", prefix_regex: true`), `spec.prefix is "/x(", which is not a regular expression`},
		"literal prefix":  {mapping(`prefix: "/x("`), ""},
		"good prefix":     {mapping(`prefix: "/x(y|z)", prefix_regex: true`), ""},
		"header":          {mapping(`prefix: /x, regex_headers: {a: "b", x-id: "[0-9"}`), "spec.regex_headers.x-id"},
		"query parameter": {mapping(`prefix: /x, regex_query_parameters: {a: "*"}`), "spec.regex_query_parameters.a"},
		"rewrite":         {mapping(`prefix: /x, regex_rewrite: {pattern: "(", substitution: /}`), "spec.regex_rewrite.pattern"},
		"backreference":   {mapping(`prefix: '/(a)\1', prefix_regex: true`), "spec.prefix"}, // RE2 has none
		"method":          {mapping(`prefix: /x, method: "GET|(", method_regex: true`), "spec.method"},
		"weight":          {mapping(`prefix: /x, weight: -1`), "spec.weight is -1"},
		"annotation":      {annotated, "spec.prefix"},
	} {
		t.Run(name, func(t *testing.T) {
			s := seen(t)
			doctortest.Add(t, &s, c.object)
			var frozen []doctor.Finding
			for _, f := range doctor.Examine(s, examine.Gateway{Namespace: "emissary"}).Findings {
				if f.Check == "frozen" {
					frozen = append(frozen, f)
				}
			}
			switch {
			case c.says == "" && len(frozen) > 0, c.says != "" && len(frozen) != 1:
				t.Fatalf("%+v", frozen)
			case c.says == "":
			case frozen[0].Object != "Mapping other/odd" || !strings.Contains(frozen[0].Problem, c.says) || frozen[0].Mend == "":
				t.Errorf("%+v", frozen[0])
			}
		})
	}
}

// TestPosted: the errors that Emissary really posts are shown, once, and those that canarize
// computes are told apart from them.
func TestPosted(t *testing.T) {
	const wrong = `{kind: Mapping, apiVersion: getambassador.io/v3alpha1, metadata: {name: odd, namespace: shop}, spec: {hostname: "*", prefix: /x, service: web, path_redirect: /a, prefix_redirect: /b, host_redirect: true}}`
	posted := func(asked bool, real ...doctor.Posted) (texts []string) {
		s := seen(t)
		s.Namespace, s.Asked, s.Posted = "shop", asked, real
		doctortest.Add(t, &s, wrong)
		for _, f := range doctor.Examine(s, examine.Gateway{Namespace: "emissary"}).Findings {
			if strings.Contains(f.Problem, "posts") {
				texts = append(texts, f.Object+": "+f.Problem)
			}
		}
		return texts
	}
	computed := posted(false)
	if len(computed) != 1 || !strings.Contains(computed[0], "Emissary posts an error: it ") {
		t.Fatalf("computed: %q", computed)
	}
	if both := posted(true, doctor.Posted{Namespace: "shop", Name: "odd", Text: "bad redirect"}); len(both) != 1 || both[0] != "shop/odd: Emissary posts an error: bad redirect" {
		t.Errorf("both: %q", both)
	}
	if silent := posted(true); len(silent) != 1 || !strings.Contains(silent[0], "although Emissary posts no error about it (yet)") {
		t.Errorf("Emissary posts none: %q", silent)
	}
	if other := posted(true, doctor.Posted{Namespace: "other", Name: "x", Text: "bad"}, doctor.Posted{Text: "about nothing"}); len(other) != 2 {
		t.Errorf("others: %q", other)
	}
}
