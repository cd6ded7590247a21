package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// shareRow is a share that the canary had, and how that was verified.
type shareRow struct{ Share, Since, How string }

// proofs say how a share was verified.
var proofs = map[rollout.Proof]string{
	rollout.SeenOnGateways: "asked every pod of the gateway",
	rollout.ByModelAlone:   "not verified: computed by the model of the gateway, because no pod could be asked",
	"":                     "verified; how is not recorded",
}

// shares returns the shares of the canary in order.
func (r Report) shares() []shareRow {
	events, _ := r.events()
	var rows []shareRow
	for _, e := range events {
		if e.Kind != rollout.EventPhase || e.Phase != rollout.Standing || e.Weight <= 0 {
			continue
		}
		how, known := proofs[e.Proof]
		if !known {
			how = string(e.Proof)
		}
		rows = append(rows, shareRow{fmt.Sprintf("%d %%", e.Weight), clock(e.Time), how})
	}
	return rows
}

// saidRow is what a person or a gate said.
type saidRow struct{ Time, Who, What, Why string }

// people returns what people and gates said. An earlier canarize stored only the gates
// that agreed, and the present hold.
func (r Report) people() []saidRow {
	said := slices.Clone(r.Said)
	missing := func(s rollout.Saying) bool {
		return !slices.ContainsFunc(said, func(other rollout.Saying) bool { return other.Kind == s.Kind && other.Gate == s.Gate })
	}
	for _, p := range r.Passed {
		if s := (rollout.Saying{Kind: rollout.SaidApprove, Gate: p.Gate, By: p.By, At: p.At}); missing(s) {
			said = append(said, s)
		}
	}
	if p := r.Paused; p != nil {
		if s := (rollout.Saying{Kind: rollout.SaidHold, Text: p.Text, By: p.By, At: p.At}); missing(s) {
			said = append(said, s)
		}
	}
	slices.SortStableFunc(said, func(a, b rollout.Saying) int { return a.At.Compare(b.At) })
	rows := make([]saidRow, len(said))
	for i, s := range said {
		rows[i] = saidRow{Time: clock(s.At), Who: by(s.By), What: string(s.Kind), Why: r.untold(s.Text)}
		if what, known := whatSaid[s.Kind]; known {
			rows[i].What = what
		}
		if s.Gate != "" {
			rows[i].What += " " + s.Gate
		}
	}
	return rows
}

var whatSaid = map[rollout.SayingKind]string{
	rollout.SaidHold: "put it on hold", rollout.SaidResume: "ended the hold", rollout.SaidApprove: "approved", rollout.SaidReject: "rejected it",
}

// rule explains by which rule the judge decides.
func (r Report) rule() []fact {
	j := r.Judge
	if j == nil {
		return nil
	}
	var all []fact
	rejects, promotes := "", ""
	if k := j.Rule; k != nil {
		rejects = fmt.Sprintf(". A release that is no worse is rejected in at most %s %% of the cases (α), however often the judge looks", Short(100*k.Alpha))
		promotes = fmt.Sprintf(". A release that is worse by the margin is promoted in at most %s %% of the cases (β)", Short(100*k.Beta))
	}
	if j.Reject > 0 {
		all = append(all, fact{Name: "Rejects", Value: fmt.Sprintf("at evidence of harm of %s%s", Short(j.Reject), rejects)})
	}
	if j.Promote > 0 {
		all = append(all, fact{Name: "Promotes", Value: fmt.Sprintf("at evidence of health of %s for each metric that has to prove it%s", Short(j.Promote), promotes)})
	}
	if j.Rule != nil {
		all = append(all, j.ruleFacts()...)
	}
	return all
}

func (j Judge) ruleFacts() []fact {
	k := j.Rule
	var margins []string
	for _, m := range k.Metrics {
		text := m.Name
		if m.Margin > 0 {
			text += " " + points(m.Margin)
		}
		if m.Guards() {
			text += " (guard: need not prove health)"
		}
		margins = append(margins, text)
	}
	overtime := "then it is rejected"
	if k.WaitsForPerson() {
		overtime = "then a person decides"
	}
	all := []fact{
		{Name: "Margins in percentage points", Value: strings.Join(margins, ", ")},
		{Name: "Times", Value: fmt.Sprintf("warm-up %s, bake at least %s, deadline after %s: %s", inSeconds(k.Warmup), inSeconds(k.Bake), inSeconds(k.Deadline), overtime)},
		{Name: "Source of the metrics", Value: k.Source},
	}
	return slices.DeleteFunc(all, func(f fact) bool { return f.Value == "" })
}

func points(v float64) string {
	if v == 1 {
		return "1 point"
	}
	return Short(v) + " points"
}

// inSeconds formats a number of seconds; a year is the most.
func inSeconds(s float64) string {
	const year = 365 * 24 * 3600
	return Took(time.Duration(min(max(s, 0), year) * float64(time.Second)))
}
