package report

import (
	"strconv"
	"strings"

	"github.com/canarize/canarize/internal/rollout"
)

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}

// surely reports whether a gateway has confirmed a share, or the sentence admits that none has.
func (s said) surely(share int) bool {
	st := s.world.State
	return st.Verified == share && (st.Proof == rollout.SeenOnGateways || strings.Contains(s.text, "no gateway could be asked")) || strings.Contains(s.text, "not verified")
}

// accepts reports whether a verb that a sentence advises would do something.
func (s said) accepts(r rollout.Request) bool {
	st := s.world.State
	r.Run, r.Fresh.Plan, r.Tested, r.Untested, r.Unverified = rollout.Run{Holder: "me"}, st.Plan, st.Tested, true, true
	_, actions := rollout.Next(s.world.Spec, st, rollout.Observation{Time: s.world.Now, Fact: r})
	return len(actions) == 0 || actions[0].Kind != rollout.Refuse
}

// runs reports whether a run would take the release up.
func (s said) runs(override bool) bool {
	c := rollout.Course{Plan: s.world.State.Plan, First: 1, Override: override}
	d := rollout.Decide(s.world.Spec, c, s.world.State, rollout.Heard{People: rollout.People{Status: rollout.Current}})
	r, is := d.Fact.(rollout.Request)
	return d.Do == rollout.DoApply && (!is || s.accepts(r))
}

// claimsOfStates are what sentences claim about the state of a release.
func claimsOfStates() []claim {
	return []claim{
		when("status", `the canary gets (\d+) % of the traffic`, func(s said, found []string) bool {
			st := s.world.State
			return st.Phase == rollout.Standing && st.Weight == number(found[1]) && s.surely(st.Weight)
		}),
		when("event", `^the canary gets (\d+) % of the traffic`, func(s said, found []string) bool {
			return s.event.Weight == number(found[1]) && s.event.Phase == rollout.Standing && s.event.Proof == rollout.SeenOnGateways
		}),
		when("report", `[Tt]he canary gets (\d+) % of the traffic`, func(s said, found []string) bool {
			return s.world.State.Weight == number(found[1]) && s.surely(number(found[1]))
		}),
		when("status", `(\d+) %`, func(s said, found []string) bool {
			st := s.world.State
			return number(found[1]) == st.Weight || number(found[1]) == st.Verified || st.Taken != nil && (int(st.Taken.Least) == number(found[1]) || int(st.Taken.Most) == number(found[1]))
		}),
		when("", `stable (is the new version and )?serves everything`, func(s said, _ []string) bool {
			st := s.world.State
			if s.where == "event" && s.event.Kind == rollout.EventWaiting {
				return st.Proof == rollout.SeenOnGateways
			}
			return !st.Mixed && (st.Phase == rollout.Promoted || st.Phase == rollout.Rejected || st.Parked() && s.surely(0))
		}),
		when("report", `(old|new) version is stable and serves`, func(s said, found []string) bool {
			return map[string]rollout.Phase{"old": rollout.Rejected, "new": rollout.Promoted}[found[1]] == s.world.State.Phase && !s.world.State.Mixed
		}),
		when("event", `goes back to stable`, func(s said, _ []string) bool {
			return s.was.Weight > 0 || s.was.Peak > 0 || s.was.Verified != 0
		}),
		when("event", `the canary had no traffic`, func(s said, _ []string) bool {
			return s.was.Weight == 0 && s.was.Peak == 0 && s.was.Most == 0 || s.was.Verified == 0
		}),
		when("", `gets no (traffic|requests)`, func(s said, _ []string) bool {
			st := s.world.State
			if s.where == "event" && s.event.Kind != rollout.EventJudged {
				return s.event.Proof == rollout.SeenOnGateways || s.event.Kind == rollout.EventWaiting || st.Most == 0 && s.world.Truth.Share == 0
			}
			return s.surely(0) || st.Peak == 0 && st.Most == 0 && s.world.Truth.Share == 0 || strings.Contains(s.text, "although its weight should give it some") // the judge's words
		}),
		when("", `no request reaches the canary`, func(s said, _ []string) bool { return s.world.Truth.Braked }),
		when("", `its own pods have ended`, func(s said, _ []string) bool { return s.world.Truth.Braked }),
		when("", `nobody works on it`, func(s said, _ []string) bool { return !s.world.Truth.Working }),
		when("status", `canarize (approve|resume) (lets it pass|ends the hold)`, func(s said, _ []string) bool {
			return s.world.State.Left == nil && s.world.State.Phase == rollout.Standing
		}),
		when("status", `its last process (\w+)`, func(s said, _ []string) bool { return !s.world.Truth.Working || s.status.Worker == nil }),
		when("status", `no gateway has confirmed|nobody has confirmed`, func(s said, _ []string) bool {
			return s.world.State.Verified != 0 || s.world.State.Proof != rollout.SeenOnGateways
		}),
		when("status", `held because of (\S+);`, func(s said, found []string) bool {
			j := s.world.State.Judged
			return j.Verdict == "hold" && j.Metric == found[1] && j.Weight == s.world.State.Weight
		}),
		when("status", `stable is the new version, the canary`, func(s said, _ []string) bool { return s.world.State.Phase == rollout.Retiring }),
		when("status", `stable may run the new version`, func(s said, _ []string) bool { return s.world.State.Mixed }),
		when("status", `run canarize reject`, func(s said, _ []string) bool { return s.accepts(rollout.Request{Verb: rollout.Reject}) }),
		when("status", `run canarize promote`, func(s said, _ []string) bool {
			return s.accepts(rollout.Request{Verb: rollout.Promote, Override: true})
		}),
		when("status", `run canarize deploy`, func(s said, _ []string) bool { return s.accepts(rollout.Request{Verb: rollout.Deploy}) }),
		when("status", `run canarize run`, func(s said, _ []string) bool { return s.runs(false) }),
		when("status", `[Rr]un canarize (deploy|run|shift|promote) again`, func(s said, _ []string) bool {
			return s.status.Worker == nil || !s.status.Worker.Alive || s.world.State.Braked || s.world.State.Held != ""
		}),
		when("status", `--override-hold`, func(s said, _ []string) bool { return s.runs(true) }),
		when("status", `on the way to (\d+) %`, func(s said, found []string) bool {
			return s.world.State.Phase == rollout.Shifting && s.world.State.Weight == number(found[1])
		}),
	}
}

// claimsOfDecisions are what a report claims about a decision.
func claimsOfDecisions() []claim {
	by := map[string][]rollout.Decider{
		"The judge": {rollout.ByJudge}, "A person": {rollout.ByPerson}, "A gate": {rollout.ByGate}, "Canarize": {rollout.ByDeadline, rollout.ByPods, rollout.ByFailure},
	}
	verb := func(s said) string { return verbs[s.world.State.Phase] }
	return []claim{
		when("report", `(?m)^(The judge|A person|A gate|Canarize) (promoted|rejected) `, func(s said, found []string) bool {
			for _, d := range by[found[1]] {
				if d == s.world.Truth.By {
					return verb(s) == found[2]
				}
			}
			return false
		}),
		when("report", `(?m)^(Azure Pipelines run|GitHub Actions run|Canarize on vm)(.*?) (promoted|rejected) `, func(s said, found []string) bool {
			who := capital(who(s.world.Truth.Asked))
			return s.world.Truth.By == rollout.ByRequest && strings.HasPrefix(who, found[1]+found[2]) && verb(s) == found[3]
		}),
		when("report", `when the canary's weight was (\d+) %`, func(s said, found []string) bool {
			return number(found[1]) == s.world.Truth.Before
		}),
		when("report", `No request tested it`, func(s said, _ []string) bool { return s.world.State.Most == 0 }),
		when("report", `It is the tested version`, func(s said, _ []string) bool { return s.world.State.Most > 0 }),
		when("report", `contains no measurements`, func(s said, _ []string) bool { return s.world.State.Judged == nil }),
		when("report", `last verdict, at .*, was (\w+)`, func(s said, found []string) bool { return string(s.world.State.Judged.Verdict) == found[1] }),
		when("report", `(?m)^On the way, at (\d+) %`, func(s said, found []string) bool {
			return s.world.State.Phase == rollout.Standing && number(found[1]) == s.world.State.Weight
		}),
		when("", `(\S+) → (\S+)`, func(s said, found []string) bool { return found[1] != strings.TrimRight(found[2], ":,.") }),
		when("outcome", `no request met the canary`, func(s said, _ []string) bool { return s.world.State.Most == 0 && s.world.State.Judged.Cost() == nil }),
		when("outcome", `(\d+) requests met the canary`, func(s said, found []string) bool {
			most := int64(0)
			for _, m := range s.world.State.Judged.Metrics {
				most = max(most, m.Canary.Total)
			}
			return int64(number(found[1])) == most && most >= s.world.Truth.Canary.Total
		}),
		when("outcome", `(none|\d+) of them bad`, func(s said, found []string) bool {
			return (found[1] == "none") == (s.world.State.Judged.Cost().Bad == 0) && (found[1] != "none" || s.world.Truth.Canary.Bad < 30)
		}),
		when("outcome", `took`, func(s said, _ []string) bool { return !s.world.State.Phase.Active() || s.world.State.Parked() }),
		when("junit", `<failure `, func(s said, _ []string) bool { return s.world.State.Held != "" || verb(s) == "rejected" }),
	}
}
