package rollouttest

import (
	"slices"

	"github.com/canarize/canarize/internal/rollout"
)

// apply passes a fact to Next.
func (w *World) apply(fact rollout.Fact) {
	before := w.State
	after, actions := rollout.Next(w.Spec, w.State, rollout.Observation{Time: w.Now, Fact: fact})
	if len(actions) > 0 && actions[0].Kind == rollout.Refuse {
		w.heard.Refused = actions[0].Reason
		if !w.Truth.Run {
			w.Truth.Working = false
		}
		return
	}
	w.State, w.pending = after, actions
	if !w.heard.Begun {
		w.heard.Reached = after.Weight
	}
	w.heard.Begun, w.heard.Refused = true, nil
	if after.Started != before.Started || after.Number != before.Number { // another release
		w.Truth.By, w.Truth.Before = "", 0
		w.traffic = traffic{}
		w.Truth.Canary, w.Truth.Stable, w.Truth.Others, w.Truth.Restarts = rollout.Count{}, rollout.Count{}, rollout.Count{}, 0
	}
	if r, is := fact.(rollout.Request); is && (r.Verb == rollout.Promote || r.Verb == rollout.Reject) && after.Reason != nil && (before.Reason == nil || *before.Reason != *after.Reason || before.Phase != after.Phase) {
		w.Truth.By, w.Truth.Asked, w.Truth.Before = after.Reason.By, r.Run, before.Weight
	}
}

// carryOut carries out some of the actions, of which one may fail, and reports the outcome.
func (w *World) carryOut() {
	actions := w.pending
	w.pending = nil
	if w.Maybe(40) {
		w.proof = Pick(w, rollout.SeenOnGateways, rollout.SeenOnGateways, rollout.ByModelAlone)
	}
	var done rollout.Finished
	for _, a := range actions {
		if w.Maybe(w.rare) {
			w.failed(a, done.Proof)
			return
		}
		w.act(a)
		if a.Kind == rollout.WaitCanary {
			done.Tested = "pods"
		}
		if a.Kind == rollout.Verify {
			done.Proof = w.proof
		}
	}
	if len(actions) < len(rollout.Pending(w.State)) { // not all that was announced
		w.settled()
		return
	}
	w.heard.Failed = nil
	w.apply(done)
	w.settled()
}

// act has the effect of an action.
func (w *World) act(a rollout.Action) {
	switch a.Kind {
	case rollout.Verify:
		w.Truth.Share = a.Weight
	case rollout.Brake:
		w.Truth.Braked = true
	case rollout.ApplyCanary, rollout.DeleteCanary:
		w.Truth.Braked, w.Truth.Share = false, 0
	}
}

// failed reports that an action failed.
func (w *World) failed(a rollout.Action, proof rollout.Proof) {
	f := rollout.Failed{
		Action: a, Reason: w.Text("failure"), Untouched: w.Maybe(2), Proof: proof,
		Unready: (a.Kind == rollout.WaitCanary || a.Kind == rollout.Scale) && !w.Maybe(3), Objected: a.Kind == rollout.SetWeight && w.Maybe(3),
	}
	if a.Kind == rollout.Verify {
		w.Truth.Share = Pick(w, w.Truth.Share, a.Weight, w.IntN(101))
		if w.Maybe(2) {
			f.Taken = &rollout.Taken{Least: float64(w.Truth.Share), Most: float64(min(w.Truth.Share+w.IntN(2)*20, 100)), Pods: 3, Behind: 1 + w.IntN(3), Unchanged: float64(w.IntN(2) * 300)}
		}
	}
	if f.Unready && w.Maybe(2) {
		w.examined()
	}
	w.apply(f)
	w.heard.Failed = &f
	w.settled()
}

func (w *World) examined() {
	t := rollout.Trouble{Pod: "shop-canary-1", Container: "app", Reason: "CrashLoopBackOff", Ended: "Error", ExitCode: 1, Restarts: w.IntN(4), Log: []string{w.Text("log")}}
	w.State, _ = rollout.Next(w.Spec, w.State, rollout.Observation{Time: w.Now, Fact: rollout.Examined{Troubles: []rollout.Trouble{t}}})
}

// settled ends a process that has nothing left to do.
func (w *World) settled() {
	if len(w.pending) == 0 && (!w.Truth.Run || !w.State.Phase.Active() || w.State.Parked()) {
		w.Truth.Working, w.Truth.Run = false, false
	}
}

// kill ends a process without a trace.
func (w *World) kill() { w.Truth.Working, w.Truth.Run, w.pending = false, false, nil }

// leave ends a process in order.
func (w *World) leave(e rollout.Ended) {
	if !w.Truth.Run && (e.Cause == rollout.Broken || e.Cause == rollout.Done) { // Next has already decided what the failure means
		w.kill()
		return
	}
	e.Untouched = w.State.Phase == rollout.Promoting && w.Maybe(2)
	w.apply(e)
	for n := 0; len(w.pending) > 0 && n < 4; n++ {
		actions := w.pending
		ends := w.State.Ends(actions)
		if e.Cause == rollout.Interrupted {
			if brake := slices.IndexFunc(actions, func(a rollout.Action) bool { return a.Kind == rollout.Brake }); brake >= 0 {
				for _, a := range actions[:brake+1] {
					w.act(a)
				}
				break
			}
		}
		if !ends {
			for _, a := range actions {
				w.act(a)
			}
			break
		}
		w.carryOut()
	}
	w.kill()
}

// Other lets something happen that no process asked for.
func (w *World) other() {
	switch w.IntN(6) {
	case 0:
		w.Truth.Share = w.IntN(101)
		w.apply(rollout.Moved{Weight: w.Truth.Share})
	case 1:
		w.apply(rollout.Edited{Routes: []string{"Mapping eu/shop"}})
	}
}
