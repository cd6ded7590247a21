package live_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/route/emissary/live"
)

func TestCheck(t *testing.T) {
	both := func(canary float64) live.View {
		return live.View{Groups: []live.Group{{Match: "/", Members: []live.Member{
			{Namespace: "shop", Mapping: "web-canary", Cluster: "b", Share: canary}, {Namespace: "shop", Mapping: "web", Cluster: "a", Share: 100 - canary},
		}}}}
	}
	canary := live.Want{Namespace: "shop", Mapping: "web-canary", Cluster: "b", Share: 10}
	stable := live.Want{Namespace: "shop", Mapping: "web", Cluster: "a", Share: 90}
	gone := live.Want{Namespace: "shop", Mapping: "web-canary", Cluster: "b", Gone: true}
	with := func(v live.View, unrouted float64, errors ...live.Error) live.View {
		v.Groups[0].Unrouted, v.Errors = unrouted, errors
		return v
	}
	twice := both(10)
	twice.Groups = append(twice.Groups, both(20).Groups...)
	for _, c := range []struct {
		name  string
		view  live.View
		wants []live.Want
		want  []string
	}{
		{"accepted", both(10), []live.Want{canary, stable}, nil},
		{"almost", both(10.00001), []live.Want{canary, stable}, nil},
		{"another share", both(20), []live.Want{canary, stable}, []string{"Mapping shop/web-canary has 20 % of the requests, not 10 %"}},
		{"the stable one first", both(20), []live.Want{stable, canary}, []string{"Mapping shop/web has 80 % of the requests, not 90 %"}},
		{"a share of a third", live.View{Groups: []live.Group{{Match: "/", Members: []live.Member{
			{Namespace: "shop", Mapping: "web-canary", Cluster: "b", Share: 5}, {Namespace: "shop", Mapping: "web", Cluster: "a", Share: 45}, {Namespace: "shop", Mapping: "rival", Cluster: "c", Share: 50},
		}}}}, []live.Want{canary, stable}, []string{"Mapping shop/web-canary has 5 % of the requests, not 10 %", "Mapping shop/web has 45 % of the requests, not 90 %"}},
		{"the canary was dropped", live.View{Groups: []live.Group{{Match: "/", Members: []live.Member{{Namespace: "shop", Mapping: "web", Cluster: "a", Share: 100}}}}}, []live.Want{canary, stable}, []string{"Mapping shop/web-canary has no route"}},
		{"the canary was dropped in one of two groups", live.View{Groups: append(both(10).Groups, live.Group{Match: "/x", Members: []live.Member{{Namespace: "shop", Mapping: "web", Cluster: "a", Share: 100}}})}, []live.Want{canary, stable}, []string{"Mapping shop/web has 100 % of /x, not 90 %"}},
		{"both were dropped", live.View{}, []live.Want{canary, stable}, []string{"Mapping shop/web-canary has no route", "Mapping shop/web has no route"}},
		{"no round share", both(100.0 / 3), []live.Want{canary}, []string{"Mapping shop/web-canary has 33.3333 % of the requests, not 10 %"}},
		{"one of two groups", twice, []live.Want{canary}, []string{"Mapping shop/web-canary has 20 % of /, not 10 %"}},
		{"the same of two groups", live.View{Groups: append(both(20).Groups, both(20).Groups...)}, []live.Want{canary}, []string{"Mapping shop/web-canary has 20 % of the requests, not 10 %"}},
		{"dropped", live.View{}, []live.Want{canary}, []string{"Mapping shop/web-canary has no route"}},
		{"unrouted", with(both(10), 5), []live.Want{canary}, []string{"5 % of / is routed nowhere"}},
		{"gone", live.View{}, []live.Want{gone}, nil},
		{"gone, its route is at 0", both(0), []live.Want{gone}, nil},
		{"not gone", both(5), []live.Want{gone}, []string{"Mapping shop/web-canary has 5 % of the requests, although it no longer exists"}},
		{"an error about it", with(both(10), 0, live.Error{Object: "web-canary.shop.1", Text: "is wrong"}), []live.Want{canary}, []string{"Mapping shop/web-canary has an error: is wrong"}},
		{"an error about another", with(both(10), 0, live.Error{Object: "web-canary.shop2.1", Text: "is wrong"}), []live.Want{canary}, nil},
		{"the second Mappings of their names", live.View{Groups: []live.Group{{Match: "/", Members: []live.Member{
			{Namespace: "shop", Mapping: "web-canary.shop", Cluster: "b", Share: 10}, {Namespace: "shop", Mapping: "web.shop", Cluster: "a", Share: 90},
		}}, {Match: "/", Members: []live.Member{{Namespace: "blog", Mapping: "web", Cluster: "c", Share: 100}}}}}, []live.Want{canary, stable}, nil},
		{"by cluster", both(10), []live.Want{{Cluster: "b", Share: 11}}, []string{"cluster b has 10 % of the requests, not 11 %"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, live.Check(c.view, c.wants)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

const (
	podA = "emissary/emissary-ingress-7d9c8b7f6d-x2x7k"
	podB = "emissary/emissary-ingress-7d9c8b7f6d-b4b4z"
	podC = "emissary/emissary-ingress-7d9c8b7f6d-zq5wp"
)

// TestNotVerified compares what a person reads if the gateway does not apply a share.
func TestNotVerified(t *testing.T) {
	const (
		canary  = "Mapping shop/web-canary has 5 % of the requests, not 50 %"
		api     = "Mapping shop/api-canary has 5 % of the requests, not 50 %"
		silence = "no answer (nobody listens on port 8001; nobody listens on port 8877)"
	)
	for _, tt := range []struct {
		name     string
		pods     int
		problems map[string][]string
		want     string
	}{
		{"one pod", 1, map[string][]string{podA: {canary}}, ": " + canary},
		{"one of two", 2, map[string][]string{podA: {canary}}, " on 1 of 2 gateway pods (emissary-ingress-…-x2x7k): " + canary},
		{"both", 2, map[string][]string{podA: {canary}, podB: {canary}}, " on all 2 gateway pods: " + canary},
		{"two of three", 3, map[string][]string{podA: {canary}, podB: {canary}}, " on 2 of 3 gateway pods (emissary-ingress-…-b4b4z and emissary-ingress-…-x2x7k): " + canary},
		{"several Mappings", 2, map[string][]string{podA: {canary, api}}, " on 1 of 2 gateway pods (emissary-ingress-…-x2x7k): Mappings shop/web-canary and shop/api-canary have 5 % of the requests, not 50 %"},
		{
			"many Mappings", 1, map[string][]string{podA: {"Mapping s/a has no route", "Mapping s/b has no route", "Mapping s/c has no route", "Mapping s/d has no route", "Mapping s/e has no route"}},
			": Mappings s/a, s/b, s/c and 2 more have no route",
		},
		{
			"different shares", 3, map[string][]string{podA: {canary}, podB: {"Mapping shop/web-canary has 20 % of the requests, not 50 %"}},
			": Mapping shop/web-canary has 20 % of the requests, not 50 %, on 1 of 3 gateway pods (emissary-ingress-…-b4b4z), and has 5 % of the requests, not 50 %, on 1 of 3 gateway pods (emissary-ingress-…-x2x7k)",
		},
		{"no answer", 1, map[string][]string{podA: {silence}}, ": " + silence},
		{"no answer of two", 2, map[string][]string{podA: {silence}, podB: {silence}}, " on all 2 gateway pods: " + silence},
		{"one is silent, one is behind", 2, map[string][]string{podA: {silence}, podB: {canary}}, ": " + canary + ", on 1 of 2 gateway pods (emissary-ingress-…-b4b4z); " + silence + ", on 1 of 2 gateway pods (emissary-ingress-…-x2x7k)"},
		{"no route, and why", 1, map[string][]string{podA: {"Mapping shop/web-canary has no route", "Mapping shop/web-canary has an error: prefix is missing"}}, ": Mapping shop/web-canary has no route, and has an error: prefix is missing"},
		{"routed nowhere", 1, map[string][]string{podA: {"30 % of / (host *) is routed nowhere"}}, ": 30 % of / (host *) is routed nowhere"},
		{"a pod of a StatefulSet", 2, map[string][]string{"edge/emissary-0": {canary}}, " on 1 of 2 gateway pods (emissary-0): " + canary},
		{"number of pods unknown", 0, map[string][]string{podA: {canary}}, ": " + canary},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := &live.NotVerifiedError{After: 30 * time.Second, Pods: tt.pods, Problems: tt.problems}
			if want := "the gateway has not applied the shares within 30s" + tt.want; err.Error() != want {
				t.Errorf("%s\nwant\n%s", err, want)
			}
		})
	}
}

// TestEverythingIsNamedOnce: whatever shares the pods give, the message names the
// canary's Mapping and each pod once, and the wanted and every given share.
func TestEverythingIsNamedOnce(t *testing.T) {
	names := []string{podA, podB, podC}
	rapid.Check(t, func(t *rapid.T) {
		wanted := rapid.IntRange(0, 100).Draw(t, "wanted")
		wants := []live.Want{
			{Namespace: "shop", Mapping: "web-canary", Cluster: "cluster_web_canary-0A1B2C3D4E5F6071-0", Share: float64(wanted)},
			{Namespace: "shop", Mapping: "web", Cluster: "cluster_web-1A1B2C3D4E5F6071-0", Share: float64(100 - wanted)},
		}
		shares := rapid.SliceOfN(rapid.IntRange(-1, 100), 1, 3).Draw(t, "shares") // -1: no route
		groups := rapid.IntRange(1, 3).Draw(t, "groups")
		problems, given := map[string][]string{}, map[int]bool{}
		for i, share := range shares {
			g := live.Group{Match: "/ (host *)", Members: []live.Member{{Cluster: wants[1].Cluster, Share: float64(100 - max(share, 0))}}}
			if share >= 0 {
				g.Members = append(g.Members, live.Member{Cluster: wants[0].Cluster, Share: float64(share)})
			}
			var view live.View
			for range groups {
				view.Groups = append(view.Groups, g)
			}
			if found := live.Check(view, wants); len(found) > 0 {
				problems[names[i]], given[share] = found, true
			}
		}
		if len(problems) == 0 {
			return
		}
		text := (&live.NotVerifiedError{After: time.Second, Pods: len(shares), Problems: problems}).Error()
		if n := strings.Count(text, "shop/web-canary"); n != 1 {
			t.Fatalf("the Mapping is named %d times: %s", n, text)
		}
		if strings.Contains(text, "shop/web ") || strings.Contains(text, "7d9c8b7f6d") || strings.Contains(text, "cluster_") {
			t.Fatalf("it has a stable share or a hash: %s", text)
		}
		for share := range given {
			want := fmt.Sprintf("has %d %% of the requests, not %d %%", share, wanted)
			if share < 0 {
				want = "has no route"
			}
			if strings.Count(text, want) != 1 {
				t.Fatalf("it does not say %q once: %s", want, text)
			}
		}
		for pod := range problems {
			if n := strings.Count(text, pod[len(pod)-5:]); n > 1 || n == 0 && len(problems) < len(shares) {
				t.Fatalf("%s is named %d times: %s", pod, n, text)
			}
		}
	})
}
