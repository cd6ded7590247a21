package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/internal/route/emissary/traffic"
)

// TestLiveTraffic: what was asked for, what the gateway gives, and what was seen stand side
// by side, and a line says why they differ.
func TestLiveTraffic(t *testing.T) {
	row := func(name string, share int) model.Row {
		return model.Row{Namespace: "shop", Mapping: name, Name: name, Share: share, Cluster: "cluster_" + name, Stats: name}
	}
	routes := traffic.Report{
		Report: model.Report{Groups: []model.Group{{Host: "*", Prefix: "/", Hosts: []string{"*"}, Rows: []model.Row{row("web-canary", 20), row("web", 80)}}}},
		Truths: [][]traffic.Truth{{
			{Taken: rollout.Taken{Least: 50, Most: 50, Pods: 1, Behind: 1, Unchanged: 13}, Seen: &rollout.Seen{Canary: 56, All: 100}},
			{Taken: rollout.Taken{Least: 80, Most: 80, Pods: 1}},
		}},
	}
	var text strings.Builder
	if err := printTraffic(&text, requests{Report: routes}, "", 0); err != nil {
		t.Fatal(err)
	}
	const want = `HOST  PREFIX  MAPPING          ASKED  TAKEN  SEEN  CLUSTER             STATISTICS
*     /       shop/web-canary  20 %   50 %   56 %  cluster_web-canary  web-canary
*     /       shop/web         80 %   80 %   -     cluster_web         web
not taken: shop/web-canary: 20 % asked for, the gateway gives 50 % (no route changed for 13s, so the gateway is frozen or slow)
`
	if text.String() != want {
		t.Errorf("it prints\n%s\nexpected\n%s", text.String(), want)
	}
	text.Reset()
	if err := printTraffic(&text, requests{Report: routes}, "json", 0); err != nil {
		t.Fatal(err)
	}
	var out struct {
		Groups []struct {
			Rows []struct {
				Taken *rollout.Taken
				Seen  *struct{ Requests, Of int64 }
			}
		}
	}
	if err := json.Unmarshal([]byte(text.String()), &out); err != nil {
		t.Fatal(err)
	}
	first, second := out.Groups[0].Rows[0], out.Groups[0].Rows[1]
	if first.Taken == nil || first.Taken.Least != 50 || first.Taken.Behind != 1 || first.Seen == nil || first.Seen.Requests != 56 || first.Seen.Of != 100 || second.Taken == nil || second.Seen != nil {
		t.Errorf("JSON: %s", text.String())
	}
}
