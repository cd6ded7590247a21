package object

import (
	"reflect"
	"testing"

	"github.com/canarize/canarize/internal/manifest"
)

// m is a decoded mapping.
type m = map[string]any

func TestAnswers(t *testing.T) {
	pods := m{"containers": []any{}}
	meta := m{"name": "web", "namespace": "shop", "labels": m{"a": "b"}, "annotations": m{"c": "d"}}
	spec := m{"replicas": int64(3), "template": m{"spec": pods}}
	o := m{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}
	if want := (manifest.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}); ID(o) != want {
		t.Errorf("ID: %+v, not %+v", ID(o), want)
	}
	if want := (manifest.ID{Kind: "Service"}); ID(m{"apiVersion": "v1", "kind": "Service"}) != want {
		t.Error("ID: the core group has a name, or metadata that are not there")
	}
	for name, c := range map[string]struct{ have, want m }{
		"Metadata": {Metadata(o), meta}, "Labels": {Labels(o), m{"a": "b"}}, "Annotations": {Annotations(o), m{"c": "d"}},
		"Spec": {Spec(o), spec}, "PodSpec": {PodSpec(o), pods},
	} {
		if !reflect.DeepEqual(c.have, c.want) {
			t.Errorf("%s: %v, not %v", name, c.have, c.want)
		}
	}
}

func TestEmptyAnswers(t *testing.T) {
	for _, o := range []m{nil, {}, {"metadata": "x", "spec": []any{}, "kind": 1}, {"metadata": nil, "spec": m{"template": m{"spec": 1}}}} {
		if (ID(o) != manifest.ID{}) {
			t.Errorf("%v: ID is %v", o, ID(o))
		}
		if Labels(o) != nil || Annotations(o) != nil || PodSpec(o) != nil {
			t.Errorf("%v: has labels, annotations or pods", o)
		}
		if Replicas(o) != 1 {
			t.Errorf("%v: %d replicas", o, Replicas(o))
		}
	}
}

func TestReplicas(t *testing.T) {
	for _, c := range []struct {
		o    m
		want int
	}{
		{m{"spec": m{"replicas": int64(0)}}, 0},
		{m{"spec": m{"replicas": float64(4)}}, 4},
		{m{"spec": m{"replicas": "4"}}, 1},
		{m{"kind": "HorizontalPodAutoscaler", "spec": m{"replicas": int64(3), "minReplicas": int64(2)}}, 2},
		{m{"kind": "HorizontalPodAutoscaler", "spec": m{}}, 1},
	} {
		if got := Replicas(c.o); got != c.want {
			t.Errorf("%v: %d, not %d", c.o, got, c.want)
		}
	}
}
