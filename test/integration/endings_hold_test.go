//go:build integration

package integration

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/test/faults"
)

// testHoldBeforeRun checks that a run obeys a standing hold before the first share.
func testHoldBeforeRun(t *testing.T, s shop, u *users) {
	s.expect(t, 0, s.deploy(t, "v2"))
	s.expect(t, 0, []string{"hold", "shop", "--why", "lunch"})
	cmd, heard := s.start(t, u.run(t, "v2", ""))
	heard.await(t, "nothing is raised or promoted: lunch")
	s.check(t, "v1", 0)
	if paused := s.state(t).Paused; paused == nil || paused.Text != "lunch" || paused.By == "" || paused.At.IsZero() {
		t.Errorf("the stored hold is %+v", paused)
	}
	s.expect(t, 0, []string{"resume", "shop"})
	s.ended(t, cmd, heard, 0)
	s.check(t, "v2", -1)
}

// deaf gives every watch of Deployments a fault; reads work.
func deaf(refusal faults.Fault) func(*http.Request) faults.Fault {
	return func(r *http.Request) faults.Fault {
		if r.URL.Query().Get("watch") == "true" && strings.HasSuffix(r.URL.Path, "/deployments") {
			return refusal
		}
		return faults.None
	}
}

// testHoldUnheard checks that a run reads a hold if the watch for it never works.
func testHoldUnheard(t *testing.T, s shop, u *users) { s.holdUnheard(t, u, faults.ServerError) }

// testHoldSilent checks the same for a watch that gets no answer.
func testHoldSilent(t *testing.T, s shop, u *users) { s.holdUnheard(t, u, faults.Timeout) }

func (s shop) holdUnheard(t *testing.T, u *users, fault faults.Fault) {
	t.Helper()
	s.expect(t, 0, s.deploy(t, "v2"))
	s.expect(t, 0, []string{"hold", "shop", "--why", "lunch"})
	var mended atomic.Bool // the canary's pods are watched too
	broken := deaf(fault)
	behind, _ := s.through(t, func(r *http.Request) faults.Fault {
		if mended.Load() {
			return faults.None
		}
		return broken(r)
	})
	cmd, heard := behind.start(t, u.run(t, "v2", ""))
	heard.await(t, "nothing is raised or promoted: lunch")
	s.check(t, "v1", 0)
	mended.Store(true)
	s.expect(t, 0, []string{"resume", "shop"})
	s.ended(t, cmd, heard, 0)
	s.check(t, "v2", -1)
}

// testHoldUnheardAtGate checks the same for a hold during the run, together with an
// approval, and for failing reads: what cannot be read does not count as "no objection".
func testHoldUnheardAtGate(t *testing.T, s shop, u *users) {
	var silent, mended atomic.Bool // silent: reads of what people say fail too; mended: nothing fails any more
	dead := deaf(faults.Forbidden)
	behind, _ := s.through(t, func(r *http.Request) faults.Fault {
		if silent.Load() && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/deployments") {
			return faults.Forbidden
		}
		if mended.Load() {
			return faults.None
		}
		return dead(r)
	})
	cmd, heard := behind.start(t, u.run(t, "v2", slowly))
	heard.await(t, "waiting for gate sign-off")
	silent.Store(true)
	s.expect(t, 0, []string{"hold", "shop", "--why", "lunch"})
	s.expect(t, 0, approve)
	heard.await(t, "holds and approvals cannot be read, so nothing is raised or promoted: ")
	s.check(t, "v1", 5)
	silent.Store(false)
	heard.await(t, "nothing is raised or promoted: lunch")
	s.check(t, "v1", 5)
	mended.Store(true)
	s.expect(t, 0, []string{"resume", "shop"})
	s.ended(t, cmd, heard, 0)
	s.check(t, "v2", -1)
}

// testUnknownGate checks that the approval of an unknown gate is an error that names the
// known ones.
func testUnknownGate(t *testing.T, s shop, u *users) {
	cmd, heard := s.start(t, u.run(t, "v2", slowly))
	heard.await(t, "waiting for gate sign-off")
	s.expect(t, 2, []string{"approve", "shop", "signoff"}, "no gate signoff", "its gates are: sign-off")
	s.check(t, "v1", 5)
	s.expect(t, 0, approve)
	s.ended(t, cmd, heard, 0)
	s.check(t, "v2", -1)
}

// testWordsAtOnce lets many people speak at the same time. No message is lost, and the
// record of the finished release has who approved what, and when. One gate is approved
// only after the hold: whichever message comes first, the hold finds the release at 5 %.
func testWordsAtOnce(t *testing.T, s shop, u *users) {
	gates := []string{"legal", "load", "security", "support", "sales", "sign-off"}
	last := len(gates) - 1
	cmd, heard := s.start(t, u.run(t, "v2", "  gates: [{name: "+strings.Join(gates, ", weight: 50, manual: true}, {name: ")+", weight: 50, manual: true}]\n"))
	heard.await(t, "waiting for gate legal")
	commands := [][]string{{"hold", "shop", "--why", "lunch"}}
	for _, gate := range gates[:last] {
		commands = append(commands, []string{"approve", "shop", gate})
	}
	var speaking sync.WaitGroup
	for _, args := range commands {
		speaking.Go(func() {
			if o := s.try(t, args...); o.code != 0 {
				t.Errorf("canarize %q: exit code %d\n%s", args, o.code, o.err)
			}
		})
	}
	speaking.Wait()
	written := rollout.ParseStatements(s.annotations(t), s.state(t).Started)
	if written.Hold == nil || written.Hold.Text != "lunch" || len(written.Approved) != last {
		t.Errorf("after a hold and %d approvals the record has %+v", last, written)
	}
	heard.await(t, "nothing is raised or promoted: lunch")
	s.check(t, "v1", 5)
	s.expect(t, 0, approve)
	s.expect(t, 0, []string{"resume", "shop"})
	s.ended(t, cmd, heard, 0)
	s.check(t, "v2", -1)
	passed := map[string]rollout.Approval{}
	for _, p := range s.status(t).Passed { // the JSON for programs
		passed[p.Gate] = p
	}
	for _, gate := range gates {
		if p := passed[gate]; p.By == "" || p.At.IsZero() {
			t.Errorf("gate %s: the record has %+v", gate, p)
		}
	}
}
