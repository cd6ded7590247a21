package model_test

import (
	"testing"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

func emissaryObject(kind, name string, spec map[string]any) map[string]any {
	o := newMapping("shop", name, spec)
	o["kind"] = kind
	return o
}

func TestResolver(t *testing.T) {
	objects := []map[string]any{
		emissaryObject("ConsulResolver", "eu", map[string]any{"datacenter": "eu"}),
		emissaryObject("ConsulResolver", "refused", map[string]any{}),
		emissaryObject("ConsulResolver", "others", map[string]any{"datacenter": "eu", "ambassador_id": []any{"x"}}),
		emissaryObject("KubernetesEndpointResolver", "pods", map[string]any{}),
		emissaryObject("KubernetesServiceResolver", "consul-endpoint", map[string]any{}),
	}
	for name, kind := range map[string]string{
		"": "KubernetesServiceResolver", "kubernetes-service": "KubernetesServiceResolver", "endpoint": "KubernetesEndpointResolver",
		"kubernetes-endpoint": "KubernetesEndpointResolver", "pods": "KubernetesEndpointResolver", "eu": "ConsulResolver",
		"consul": "KubernetesServiceResolver", // the twin of consul-endpoint
		"others": "", "refused": "", "unknown": "",
	} {
		spec := map[string]any{"resolver": name}
		if _, got := model.NewUpstreams(objects, options).Resolver(spec); got != kind {
			t.Errorf("%q: %q, expected %q", name, got, kind)
		}
		mapping := newMapping("shop", "web", map[string]any{"hostname": "*", "prefix": "/", "service": "web", "resolver": name})
		dropped := len(model.Evaluate(append(objects, mapping), options).Dropped) > 0
		if dropped != (kind == "") {
			t.Errorf("%q: dropped: %v", name, dropped)
		}
		assumed := options
		assumed.AssumeResolvers = true
		dropped = len(model.Evaluate(append(objects, mapping), assumed).Dropped) > 0
		if dropped != (name == "refused") {
			t.Errorf("%q assumed: dropped: %v", name, dropped)
		}
	}
	module := emissaryObject("Module", "ambassador", map[string]any{"config": map[string]any{"resolver": "eu"}})
	if name, kind := model.NewUpstreams(append(objects, module), options).Resolver(nil); name != "eu" || kind != "ConsulResolver" {
		t.Errorf("by the Module: %q, %q", name, kind)
	}
}

func TestSticky(t *testing.T) {
	cookie := map[string]any{"policy": "ring_hash", "cookie": map[string]any{"name": "session"}}
	for _, c := range []struct {
		what     string
		balancer any
		want     string
	}{
		{"a cookie", cookie, "ring_hash by the cookie session"},
		{"a header", map[string]any{"policy": "maglev", "header": "x-user"}, "maglev by the header x-user"},
		{"a source IP", map[string]any{"policy": "maglev", "source_ip": true}, "maglev by the source IP"},
		{"no source IP", map[string]any{"policy": "maglev", "source_ip": false}, ""},
		{"robin", map[string]any{"policy": "round_robin"}, ""},
		{"least", map[string]any{"policy": "least_request"}, ""},
		{"nothing to stick to", map[string]any{"policy": "ring_hash"}, ""},
		{"a cookie without a name", map[string]any{"policy": "ring_hash", "cookie": map[string]any{}}, ""},
		{"a wrong type", []any{"ring_hash"}, ""},
		{"none", nil, ""},
	} {
		how, own := model.NewUpstreams(nil, options).Sticky(map[string]any{"load_balancer": c.balancer})
		if how != c.want || own != (len(asMap(c.balancer)) > 0) {
			t.Errorf("%s: %q, %v", c.what, how, own)
		}
		module := emissaryObject("Module", "ambassador", map[string]any{"config": map[string]any{"load_balancer": c.balancer}})
		if how, own := model.NewUpstreams([]map[string]any{module}, options).Sticky(nil); how != c.want || own {
			t.Errorf("%s in the Module: %q, %v", c.what, how, own)
		}
	}
}

func asMap(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}
