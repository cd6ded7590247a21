package examine_test

import (
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/doctor/doctortest"
)

// TestIngress: an Ingress of Emissary's class is a member of the group of its requests,
// and one of another class is not.
func TestIngress(t *testing.T) {
	const rule = `spec: {CLASSrules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: old, port: {name: http}}}}]}}]}}`
	ingress := func(metadata, class string) string {
		return `{kind: Ingress, apiVersion: networking.k8s.io/v1, metadata: {name: old, namespace: shop` + metadata + `}, ` + strings.Replace(rule, "CLASS", class, 1)
	}
	const class = "\n---\n" + `{kind: IngressClass, apiVersion: networking.k8s.io/v1, metadata: {name: main}, spec: {controller: getambassador.io/ingress-controller}}`
	const service = "\n---\n" + `{kind: Service, apiVersion: v1, metadata: {name: old, namespace: shop}, spec: {ports: [{name: http, port: 80}]}}`
	const several = `has several members: Mapping shop/web-canary (10 %), Ingress shop/old (45 %), Mapping shop/web (45 %)`
	for name, c := range map[string]struct{ objects, problem string }{
		"annotation":       {ingress(", annotations: {kubernetes.io/ingress.class: ambassador}", "") + service, several},
		"class":            {ingress("", "ingressClassName: main, ") + class + service, several},
		"other annotation": {ingress(", annotations: {kubernetes.io/ingress.class: nginx}", "") + class + service, ""},
		"unknown class":    {ingress("", "ingressClassName: main, ") + service, ""},
		"no class":         {ingress("", "") + class + service, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := seen(t)
			doctortest.Add(t, &s, c.objects)
			if c.problem != "" {
				doctortest.Finds(t, examined(s), "group", "Ingress shop/old", c.problem)
			} else if found := examined(s).Findings; len(found) > 0 {
				t.Errorf("%+v", found)
			}
		})
	}
}
