package rollout

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/manifest"
)

// Past summarises a release that is over, for the history.
type Past struct {
	Number int       `json:"number"` // 1 is the first release of the name
	Began  time.Time `json:"began"`
	Ended  time.Time `json:"ended"`
	Ending Phase     `json:"ending"`          // Promoted, Rejected or Superseded
	Mixed  bool      `json:"mixed,omitempty"` // rejected while stable was being replaced

	// By and Reason say who decided, and why; empty if nobody did. Verdict and Cause are
	// the judge's last; empty if it never judged.
	By      Decider          `json:"by,omitempty"`
	Reason  string           `json:"reason,omitempty"`
	Verdict analysis.Verdict `json:"verdict,omitempty"`
	Cause   analysis.Cause   `json:"cause,omitempty"`

	// Most is the largest weight that was in force, in percent.
	Most int `json:"most"`
	// Cost is what the release cost the users; nil if nobody counted requests.
	Cost *Cost `json:"cost,omitempty"`

	Plan   string        `json:"plan,omitempty"` // the first digits of its digest
	Images []ImageChange `json:"images,omitempty"`
	Others int           `json:"others,omitempty"` // images that are not listed
	Run    Run           `json:"run"`              // the last run

	// Mark is the later truth about the decision; nil if nobody said.
	Mark *Mark `json:"mark,omitempty"`
}

// ImageChange is an image before and after a release. Before is "" if it is unknown.
type ImageChange struct {
	Workload  manifest.ID `json:"workload"` // the stable workload
	Container string      `json:"container"`
	Before    string      `json:"before,omitempty"`
	After     string      `json:"after"`
}

// Cost counts the requests to the canary.
type Cost struct {
	Requests int64 `json:"requests"`
	Bad      int64 `json:"bad"`
	// Extra is how many of the bad requests stable would not have had at its own rate of
	// bad requests.
	Extra int64 `json:"extra"`
}

// Decided reports whether the release ended by a decision about its version. A deadline
// without a verdict, a failure outside the release and a newer version are none.
func (e Past) Decided() bool {
	return e.Ending != Superseded && e.By != ByDeadline && e.By != ByFailure
}

// Took returns how long the release took.
func (e Past) Took() time.Duration { return max(e.Ended.Sub(e.Began), 0) }

// PastOf returns what is kept about a release that is over, or that a release which
// began at next superseded.
func PastOf(s State, next time.Time) Past {
	e := Past{
		Number: s.CurrentNumber(), Began: s.Started.UTC(), Ended: next.UTC(), Ending: Superseded, Mixed: s.Mixed, Most: s.Largest(),
		Plan: strings.ToValidUTF8(short(s.Plan), ""), Cost: s.Judged.Cost(),
		Run: Run{System: keptName(s.Run.System), ID: keptName(s.Run.ID), URL: keptName(s.Run.URL), Attempt: keptName(s.Run.Attempt), Holder: keptName(s.Run.Holder), Canarize: keptName(s.Run.Canarize), Commit: keptName(s.Run.Commit), Author: keptName(s.Run.Author)},
	}
	if s.Over() {
		e.Ending, e.Ended = s.Phase, s.end()
	}
	if s.Reason != nil {
		e.By, e.Reason = s.Reason.By, kept(s.Reason.Text, maxKeptText)
	}
	if s.Judged != nil {
		e.Verdict, e.Cause = s.Judged.Verdict, s.Judged.Cause
	}
	e.Images, e.Others = keptImages(s)
	return e
}

// Largest returns the largest weight that was in force, in percent. Earlier versions of
// canarize only left events of it.
func (s State) Largest() int {
	most := s.Most
	for _, e := range s.History {
		if e.Kind == EventPhase && e.Phase == Standing && !e.Time.Before(s.Started) {
			most = max(most, e.Weight)
		}
	}
	return min(most, 100)
}

// end returns when the release ended, from its events.
func (s State) end() time.Time {
	for _, event := range slices.Backward(s.History) {
		if event.Kind == EventPhase && event.Phase == s.Phase {
			return event.Time.UTC()
		}
	}
	return s.Started.UTC()
}

// keptImages returns the images of a release, those that change first, and the number of
// images for which there is no room.
func keptImages(s State) (images []ImageChange, others int) {
	before := map[[2]string]string{}
	for _, i := range s.Before {
		before[[2]string{i.Workload.String(), i.Container}] = i.Image
	}
	for _, i := range s.Images {
		images = append(images, ImageChange{
			Workload:  manifest.ID{Group: keptName(i.Workload.Group), Kind: keptName(i.Workload.Kind), Namespace: keptName(i.Workload.Namespace), Name: keptName(i.Workload.Name)},
			Container: keptName(i.Container),
			Before:    keptName(before[[2]string{i.Workload.String(), i.Container}]), After: keptName(i.Image),
		})
	}
	stays := func(i ImageChange) int {
		if i.Before == i.After {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(images, func(a, b ImageChange) int { return cmp.Compare(stays(a), stays(b)) })
	others = max(0, len(images)-maxKeptImages)
	return images[:len(images)-others], others
}

func keptName(text string) string { return kept(text, maxKeptName) }

// kept bounds a text that is kept, and makes it valid as JSON would.
func kept(text string, limit int) string { return cut(strings.ToValidUTF8(text, "\uFFFD"), limit) }

// Cost returns what the judged release cost its users; nil if no request was counted.
func (j *Judged) Cost() *Cost {
	if j == nil {
		return nil
	}
	worst := Costliest(j.Metrics)
	if worst == nil {
		return nil
	}
	c := worst.cost()
	for _, m := range j.Metrics {
		if !m.Events {
			c.Requests = max(c.Requests, m.Canary.Total)
		}
	}
	return &c
}

// Costliest returns the metric by which a release cost its users most; nil if no request was
// counted. The metrics mostly count the same requests, so it is the one with the most extra
// bad requests, and not their sum.
func Costliest(metrics []Metric) *Metric {
	var worst *Metric
	for i, m := range metrics {
		if m.Canary.Total <= 0 || m.Events {
			continue
		}
		if worst == nil || cmp.Or(cmp.Compare(m.cost().Extra, worst.cost().Extra), cmp.Compare(m.Canary.Bad, worst.Canary.Bad)) > 0 {
			worst = &metrics[i]
		}
	}
	return worst
}

// cost returns what a metric says that the release cost.
func (m Metric) cost() Cost {
	c := Cost{Requests: m.Canary.Total, Bad: m.Canary.Bad}
	if m.Stable.Total > 0 {
		expected := float64(m.Canary.Total) * float64(m.Stable.Bad) / float64(m.Stable.Total)
		c.Extra = max(0, int64(math.Round(float64(m.Canary.Bad)-expected)))
	}
	return c
}

// EventsOf returns the events of an earlier release, as far as the State still has them.
func (s State) EventsOf(e Past) []Event {
	var events []Event
	for _, event := range s.History {
		switch begins := event.Kind == EventAsked && event.Phase == Deploying; {
		case event.Time.Before(e.Began):
		case event.Time.After(e.Ended), begins && !event.Time.Before(e.Ended) && (len(events) > 0 || e.Began.Before(e.Ended)):
			return events
		default:
			events = append(events, event)
		}
	}
	return events
}
