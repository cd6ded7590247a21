package live

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/rollout"
)

// TestTaken: whatever the pods answer, it is told what they give the canary, how many are
// behind, and how long all of those have changed no route. A change after the weight was
// written is not "unchanged".
func TestTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wants := []Want{{Cluster: "canary", Canary: true, Share: 50}, {Cluster: "stable", Share: 50}}
		began := time.Now()
		time.Sleep(30 * time.Second)
		pod := func(share float64, age time.Duration) *gatewayPod {
			v := pageView{now: time.Now()}
			v.Groups = []Group{{Match: "/", Members: []Member{{Cluster: "canary", Share: share}, {Cluster: "stable", Share: 100 - share}}}}
			if age > 0 {
				v.Changed = v.now.Add(-age)
			}
			return &gatewayPod{agrees: share == 50, answered: time.Now(), answer: answer{view: v}}
		}
		silent := &gatewayPod{}
		for name, c := range map[string]struct {
			pods []*gatewayPod
			want *rollout.Taken
		}{
			"none answers":            {[]*gatewayPod{silent}, nil},
			"frozen":                  {[]*gatewayPod{pod(5, time.Minute)}, &rollout.Taken{Least: 5, Most: 5, Pods: 1, Behind: 1, Unchanged: 60}},
			"it changes other routes": {[]*gatewayPod{pod(5, 20*time.Second)}, &rollout.Taken{Least: 5, Most: 5, Pods: 1, Behind: 1}},
			"unknown age":             {[]*gatewayPod{pod(5, 0)}, &rollout.Taken{Least: 5, Most: 5, Pods: 1, Behind: 1}},
			"one of two":              {[]*gatewayPod{pod(50, time.Second), pod(5, time.Hour)}, &rollout.Taken{Least: 5, Most: 50, Pods: 2, Behind: 1, Unchanged: 3600}},
			"two frozen":              {[]*gatewayPod{pod(5, time.Minute), pod(10, time.Hour)}, &rollout.Taken{Least: 5, Most: 10, Pods: 2, Behind: 2, Unchanged: 60}},
			"one is silent":           {[]*gatewayPod{pod(5, time.Minute), silent}, &rollout.Taken{Least: 5, Most: 5, Pods: 2, Behind: 2}},
			"no route":                {[]*gatewayPod{{answered: time.Now()}}, &rollout.Taken{Pods: 1, Behind: 1}},
		} {
			v := verification{wants: wants, began: began, pods: map[podID]*gatewayPod{}}
			for i, p := range c.pods {
				v.pods[podID{name: string(rune('a' + i))}] = p
			}
			if diff := cmp.Diff(c.want, v.taken()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

// TestChanged: the time of the last change of any route configuration is the gateway's.
func TestChanged(t *testing.T) {
	const dump = `{"configs": [
		{"route_config": {"name": "a"}, "last_updated": "2026-01-02T03:04:05.006Z"},
		{"route_config": {"name": "b"}, "last_updated": "2026-01-02T03:04:07Z"},
		{"route_config": {"name": "c"}}]}`
	view, err := ParseConfigDump([]byte(dump))
	if want := time.Date(2026, 1, 2, 3, 4, 7, 0, time.UTC); err != nil || !view.Changed.Equal(want) {
		t.Errorf("%s, %v, expected %s", view.Changed, err, want)
	}
}

// TestGone: a canary's route that does not exist may have no requests left in the gateway,
// sampled ones included. Routes with other conditions lead there on purpose.
func TestGone(t *testing.T) {
	route := rollout.Route{Target: "canary"}
	route.Canary.Namespace, route.Canary.Name = "shop", "web-canary"
	stable := map[string]any{"spec": map[string]any{"prefix": "/"}}
	for name, c := range map[string]struct {
		routes string
		left   bool
	}{
		"nothing":  {`{"match": {"prefix": "/"}, "route": {"cluster": "stable"}}`, false},
		"at 0":     {`{"match": {"prefix": "/", "runtime_fraction": {"default_value": {}}}, "route": {"cluster": "canary"}}`, false},
		"a share":  {`{"match": {"prefix": "/", "runtime_fraction": {"default_value": {"numerator": 5}}}, "route": {"cluster": "canary"}}`, true},
		"a sample": {`{"match": {"prefix": "/", "headers": [{"name": "x-request-id"}]}, "route": {"cluster": "canary"}}`, true},
		"pinned":   {`{"match": {"prefix": "/", "headers": [{"name": "x-beta"}]}, "route": {"cluster": "canary"}}`, false},
		"another":  {`{"match": {"prefix": "/beta/"}, "route": {"cluster": "canary"}}`, false},
	} {
		view, err := ParseConfigDump([]byte(`{"configs": [{"route_config": {"virtual_hosts": [{"routes": [` + c.routes + `]}]}}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if problems := Check(view, gone(route, stable)); (len(problems) > 0) != c.left {
			t.Errorf("%s: %q", name, problems)
		}
	}
	if wants := gone(rollout.Route{}, stable); wants != nil {
		t.Errorf("a plan without the name: %v", wants)
	}
}
