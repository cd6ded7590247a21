//go:build scenarios

package demo

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/rollout"
)

// throughEnvoy names the scenarios that are also played through a real Envoy: how it is
// configured and read matters most in them.
var throughEnvoy = []string{"good", "crash", "errors", "frozen", "no-metrics", "kill"}

// TestScenarios plays every scenario: each ends as its story says. They take a minute and
// a half side by side, or two with an Envoy; make scenarios runs them.
func TestScenarios(t *testing.T) {
	for _, s := range Scenarios() {
		t.Run(s.Name, func(t *testing.T) { playScenario(t, s, "") })
	}
	envoy, err := FindEnvoy(os.Getenv)
	if err != nil {
		t.Log("the scenarios through a real Envoy are left out:", err)
		return
	}
	for _, name := range throughEnvoy {
		s, found := FindScenario(name)
		if !found {
			t.Fatalf("unknown scenario %q", name)
		}
		t.Run(name+" through Envoy", func(t *testing.T) { playScenario(t, s, envoy) })
	}
	t.Run("Envoy dies", func(t *testing.T) { t.Parallel(); dies(t, envoy) })
}

// playScenario plays a scenario through the Envoy at a path, or none.
func playScenario(t *testing.T, s Scenario, envoy string) {
	t.Parallel()
	r, err := play(t.Context(), Options{Scenario: s, Speed: 2, Envoy: envoy, Run: rollout.Run{Holder: "test"}, Emit: func(e rollout.Event) { t.Log(e.Weight, e.Text) }})
	if err != nil {
		t.Fatal(err)
	}
	gateway := ""
	if r.Envoy != nil {
		gateway = " through Envoy " + r.Envoy.Version
	}
	fmt.Printf("%-11s %-9s in %4.1f s; of %d requests %d met the canary, which failed %d%s\n",
		s.Name, r.Phase, r.Took, r.Seen.Stable.Requests+r.Seen.Canary.Requests, r.Seen.Canary.Requests, r.Seen.Canary.Failed, gateway)
	if r.Problem != "" {
		t.Error(r.Problem)
	}
	if (r.Envoy != nil) != (envoy != "") {
		t.Errorf("the requests went through %+v, not %q", r.Envoy, envoy)
	}
}

// dies checks that a demo whose Envoy ends says so, and leaves nothing.
func dies(t *testing.T, path string) {
	weights := make(chan int, 1000)
	s, err := Start(context.Background(), Options{Scenario: Scenario{Name: "dies"}, Envoy: path, Run: rollout.Run{Holder: "test"}, Emit: func(e rollout.Event) { weights <- e.Weight }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for <-weights == 0 {
	}
	e := s.world.gateway.proxy.(*envoy)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://envoy/quitquitquit", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := e.admin.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	<-s.Done()
	r, err := s.Result()
	if err == nil || !strings.Contains(err.Error(), path+" has ended by itself") || r.Phase == rollout.Promoted {
		t.Errorf("%v: the release is %s", err, r.Phase)
	}
	if _, err := os.Stat(e.files.dir); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", e.files.dir, err)
	}
}
