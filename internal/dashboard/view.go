package dashboard

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/page"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/simulate/peer"
	"github.com/canarize/canarize/internal/survey"
)

// view is what the page shows of a record.
type view struct {
	status  report.Status
	report  report.Report
	about   page.About
	frame   page.Frame
	past    page.Past
	counted time.Time // when the judge last counted, as far as is known
	// hurt is when the canary first failed a request, and saved when it got none any more;
	// zero before.
	hurt, saved time.Time
}

const (
	// lines is how many lines of the log are shown.
	lines = 60

	dots = "Dots are the requests that the judge has counted, drawn over the time until its next count. The width of a stream is its share. A red cross is a bad request."
)

// viewOf makes the view of a release in a state. told are the lines that are not recorded.
func viewOf(s report.Status, is survey.Recorded, told []page.Line, canarize string) *view {
	made := report.Of(s.Namespace, s.Release, is.State, now(), canarize)
	made.Status = s
	v := &view{status: s, report: made}
	looks, worst := looksOf(made.Judge), worst(is.State.Judged, s.Phase.Active())
	course := courseOf(looks, made.Judge, worst, s.Started)
	v.hurt, v.saved = harmed(looks, worst, s)
	if j := is.State.Judged; j != nil {
		v.counted = j.Time
	}
	v.about = page.About{
		Release: s.Namespace + "/" + s.Release, Seen: stamp(is.State), Groups: []page.Group{}, Dots: dots, Bad: "bad", Rules: page.GhostRules,
		Story: s.Summary(), Facts: factsOf(made), Earlier: earlier(is),
	}
	v.frame = frameOf(made, is.State, worst)
	ghosts := course.ghosts.All()
	if v.frame.End != nil {
		ghosts = course.ghosts.End()
	}
	v.frame.Others = append(v.frame.Others, page.Ghosts(ghosts)...)
	v.past = page.Past{Points: course.points, Lines: log(s, told)}
	return v
}

// frameOf returns what the page shows of a release, but for the rules of others and the time.
// worst is the metric by which the users' harm is told; nil if there is none.
func frameOf(r report.Report, state rollout.State, worst *rollout.Metric) page.Frame {
	recorded := r.Phase != rollout.None && r.Error == ""
	stable, canary := names(state)
	f := page.Frame{
		Unknown: r.Error != "", Headline: r.Headline(), Tone: r.Tone(), Weight: float64(r.Weight), Report: recorded,
		Stable: page.Lane{Name: stable}, Canary: page.Lane{Name: canary}, Hurt: page.Hurt{What: "bad requests", Since: -1},
	}
	if r.Phase == rollout.None && r.Error == "" {
		f.Headline = "There is no release yet"
	}
	if worst != nil {
		f.Stable.Requests, f.Stable.Failed = int(worst.Stable.Total), int(worst.Stable.Bad)
		f.Canary.Requests, f.Canary.Failed = int(state.Judged.Cost().Requests), int(worst.Canary.Bad)
		f.Hurt.Failed, f.Hurt.Usual = f.Canary.Failed, page.Usual(f.Stable, f.Canary)
		f.Hurt.What += " by the metric " + worst.Name
	}
	f.Judge(state.Judged, rule(r.Judge))
	f.Others = []page.Other{page.Own("canarize", f.Weight, f.Canary.Failed, r.Phase, r.Judged)}
	if recorded && !r.Phase.Active() {
		f.End = &page.End{Sentence: cmp.Or(r.Decision(), r.Summary()), Tone: r.Tone(), Next: []page.Command{}}
	}
	return f
}

// frameAt returns the frame at a time, in whole seconds.
func (v *view) frameAt(at time.Time) page.Frame {
	f := v.frame
	if !v.status.Started.IsZero() && v.status.Phase.Active() {
		f.Seconds = at.Sub(v.status.Started).Truncate(time.Second).Seconds()
	}
	switch {
	case v.hurt.IsZero():
	case v.saved.IsZero():
		f.Hurt.Since = max(at.Sub(v.hurt).Truncate(time.Second).Seconds(), 0)
	default:
		f.Hurt.Since = v.saved.Sub(v.hurt).Seconds()
	}
	if age := at.Sub(v.counted).Truncate(time.Second); !v.counted.IsZero() && v.status.Phase.Active() && age > countedSoon {
		f.Counted = fmt.Sprintf("Counted until %s ago. A process that releases stores its counts once a minute.", report.Took(age))
	}
	return f
}

// countedSoon is the age from which a count is said to be old: an interval of the judge.
const countedSoon = 20 * time.Second

// worst returns the metric by which the users' harm is told: while nothing is decided the one
// with the most evidence of harm, because chance makes any of the others look worse for a
// while, and in the end the one that cost most. It is nil if no request was counted.
func worst(j *rollout.Judged, active bool) *rollout.Metric {
	if j == nil {
		return nil
	}
	all := j.Metrics
	if active {
		most := 0.
		for _, m := range all {
			if m.Canary.Total > 0 && !m.Events {
				most = max(most, m.Harm)
			}
		}
		all = slices.DeleteFunc(slices.Clone(all), func(m rollout.Metric) bool { return m.Harm < most })
	}
	return rollout.Costliest(all)
}

// in returns what a look counted of a metric; nil if it did not.
func in(look rollout.Look, m *rollout.Metric) *rollout.Metric {
	if m == nil {
		return nil
	}
	at := slices.IndexFunc(look.Metrics, func(other rollout.Metric) bool { return other.Name == m.Name })
	if at < 0 {
		return nil
	}
	return &look.Metrics[at]
}

func looksOf(j *report.Judge) []rollout.Look {
	if j == nil {
		return nil
	}
	return j.Observations
}

func rule(j *report.Judge) *rollout.Rule {
	if j == nil {
		return nil
	}
	return j.Rule
}

// course is what the charts show.
type course struct {
	points []page.Point
	ghosts *peer.Ghosts
}

// courseOf follows the looks of the judge, and what other rules would have done with the
// requests that it counted.
func courseOf(looks []rollout.Look, j *report.Judge, worst *rollout.Metric, began time.Time) course {
	c := course{points: []page.Point{}, ghosts: peer.NewGhosts()}
	for _, look := range looks {
		p := page.Point{At: look.Time.Sub(began).Seconds()}
		p.Harm, p.Health = page.Evidence(look.Metrics, rule(j))
		failed := int64(0)
		if m := in(look, worst); m != nil {
			failed = m.Canary.Bad
			c.ghosts.Observe(p.At, peer.Counted{Stable: analysis.Counts(m.Stable), Canary: analysis.Counts(m.Canary)})
		}
		p.Failed = []float64{float64(failed)}
		for _, g := range c.ghosts.All() {
			p.Failed = append(p.Failed, g.Failed)
		}
		c.points = append(c.points, p)
	}
	return c
}

// harmed returns when the canary first failed a request, and when it got none any more.
func harmed(looks []rollout.Look, worst *rollout.Metric, s report.Status) (first, last time.Time) {
	for _, look := range looks {
		if m := in(look, worst); m != nil && m.Canary.Bad > 0 {
			first = look.Time
			break
		}
	}
	if first.IsZero() || s.Weight > 0 && s.Phase.Active() {
		return first, last
	}
	last = first
	for _, e := range s.Events {
		if e.Time.After(first) && e.Weight == 0 {
			return first, e.Time
		}
	}
	return first, last
}

// names names the versions by the first image that changes.
func names(s rollout.State) (stable, canary string) {
	for _, i := range s.Images {
		before, after := rollout.ShortImage(s.BeforeOf(i)), rollout.ShortImage(i.Image)
		if before != after && before != "" {
			return before + ", stable", after + ", the canary"
		}
	}
	return "Stable", "The canary"
}

// factsOf returns what was released and by whom.
func factsOf(r report.Report) (all []page.Fact) {
	if r.Phase == rollout.None {
		return nil
	}
	for _, f := range r.Facts() {
		all = append(all, page.Fact(f))
	}
	if w := r.Worker; w != nil && w.Alive {
		all = append(all, page.Fact{Name: "Works on it now", Value: w.Holder})
	}
	for _, p := range r.Passed {
		all = append(all, page.Fact{Name: "Gate " + p.Gate, Value: "passed by " + cmp.Or(p.By, "somebody")})
	}
	return all
}

// earlier returns the releases of the name that are over, newest first.
func earlier(is survey.Recorded) (all []page.Earlier) {
	h, err := rollout.HistoryOf(is.History, is.State)
	if err != nil {
		return nil
	}
	for _, p := range slices.Backward(h.Releases) {
		run := report.RunFact(p.Run)
		e := page.Earlier{
			Number: p.Number, Ended: p.Ended, Ending: string(p.Ending), Version: report.VersionText(p), By: string(p.By),
			Most: p.Most, Cost: report.CostText(p), Run: page.Fact(run), Reason: p.Reason,
		}
		switch p.Ending {
		case rollout.Promoted:
			e.Tone = page.Good
		case rollout.Rejected:
			e.Tone = page.Bad
		}
		if p.Mark != nil {
			e.Mark = p.Mark.Sentence()
		}
		all = append(all, e)
	}
	return all
}

// log returns the last lines of the log, oldest first.
func log(s report.Status, told []page.Line) []page.Line {
	all := []page.Line{}
	for _, e := range s.News() {
		if line, shown := page.LineOf(e); shown {
			all = append(all, line)
		}
	}
	all = append(all, told...)
	slices.SortStableFunc(all, func(a, b page.Line) int { return a.Time.Compare(b.Time) })
	return all[max(0, len(all)-lines):]
}
