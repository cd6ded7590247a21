package rollout

import (
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/manifest"
)

// TestVersions: the old and the new version are told apart in as few characters as possible.
func TestVersions(t *testing.T) {
	a, b := strings.Repeat("a1", 32), strings.Repeat("b2", 32)
	pods := manifest.ID{Kind: "Deployment", Name: "shop"}
	image := func(container, name string) Image { return Image{Workload: pods, Container: container, Image: name} }
	for want, s := range map[string]State{
		"":                {},
		"shop:2":          {Images: []Image{image("app", "r.example.com/shop:2")}},
		"shop:1 → shop:2": {Images: []Image{image("app", "r.example.com/shop:2@sha256:"+b)}, Before: []Image{image("app", "r.example.com/shop:1@sha256:"+a)}},
		"shop:1@a1a1a1a1a1a1 → shop:1@b2b2b2b2b2b2":   {Images: []Image{image("app", "r.example.com/shop:1@sha256:"+b)}, Before: []Image{image("app", "r.example.com/shop:1@sha256:"+a)}},
		"shop@a1a1a1a1a1a1 → shop@b2b2b2b2b2b2":       {Images: []Image{image("app", "shop@sha256:"+b)}, Before: []Image{image("app", "shop@sha256:"+a)}},
		"a.example.com/shop:1 → b.example.com/shop:1": {Images: []Image{image("app", "b.example.com/shop:1")}, Before: []Image{image("app", "a.example.com/shop:1")}},
		"shop:1 with other settings":                  {Images: []Image{image("app", "shop:1")}, Before: []Image{image("app", "shop:1")}},
		"shop:1 → shop:2 and 1 more":                  {Images: []Image{image("side", "proxy:1"), image("app", "shop:2"), image("web", "web:2")}, Before: []Image{image("side", "proxy:1"), image("app", "shop:1"), image("web", "web:1")}},
	} {
		if got := s.Versions(); got != want {
			t.Errorf("%q, expected %q", got, want)
		}
	}
}
