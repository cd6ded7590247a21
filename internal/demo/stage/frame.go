package stage

import (
	"errors"
	"fmt"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/demo"
	"github.com/canarize/canarize/internal/page"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
)

// frame returns what the page shows now.
func (s *Stage) frame() page.Frame {
	now := s.Frame()
	seen := now.Seen
	f := page.Frame{
		Seconds: now.Seconds, Weight: now.Weight,
		Stable: page.Lane{Name: "Version " + now.Stable + ", stable", Requests: seen.Stable.Requests, Failed: seen.Stable.Failed},
		Canary: page.Lane{Name: "Version 2, the canary", Requests: seen.Canary.Requests, Failed: seen.Canary.Failed},
	}
	f.Hurt = page.Hurt{Failed: seen.Canary.Failed, What: "failed requests", Since: since(now, time.Now()), Usual: page.Usual(f.Stable, f.Canary)}
	f.Others = others(now)
	if now.Judged != nil {
		f.Judge(now.Judged, s.Rule(now.Judged.Metrics))
	} else {
		f.Judge(nil, nil)
	}
	f.Headline, f.Tone = headline(now)
	if now.Result != nil {
		var text []byte
		f.End, text = s.ending()
		f.Report = text != nil
	}
	return f
}

// since returns the seconds since the canary's first failed answer, while it gets requests.
func since(f demo.Frame, now time.Time) float64 {
	seen := f.Seen
	switch {
	case seen.FirstFailed.IsZero():
		return -1
	case f.Weight == 0 || f.Result != nil:
		return seen.LastCanary.Sub(seen.FirstFailed).Seconds()
	}
	return now.Sub(seen.FirstFailed).Seconds()
}

// others returns this release, and what other rules would have done.
func others(now demo.Frame) []page.Other {
	own := page.Own("canarize, live", now.Weight, now.Seen.Canary.Failed, now.Phase, now.Judged)
	if now.Result != nil && own.Tone != page.Bad && own.Tone != page.Good {
		own.State, own.Tone = "interrupted", page.Wait
	}
	return append([]page.Other{own}, page.Ghosts(now.Others)...)
}

// headline says what the users get now.
func headline(f demo.Frame) (string, page.Tone) {
	if f.Result != nil {
		return ended(*f.Result)
	}
	switch f.Phase {
	case rollout.Rejecting, rollout.Rejected:
		return "Version 2 is rejected, and taken away from the users", page.Bad
	case rollout.Promoting, rollout.Retiring, rollout.Promoted:
		return "Version 2 is healthy, and becomes everybody's", page.Good
	}
	switch {
	case f.Weight == 0 && f.Seen.Canary.Requests == 0:
		return "Version 2 is being prepared: everybody gets version 1", page.Plain
	case f.Weight == 0:
		return "Nobody gets version 2 now", page.Wait
	}
	text := fmt.Sprintf("%.3g %% of the users get version 2", f.Weight)
	if f.Judged != nil && f.Judged.Verdict == analysis.Hold {
		return text + ", and it waits there", page.Wait
	}
	if f.Judged != nil && f.Judged.Verdict == analysis.Promote {
		return text + ": it is healthy, and waits for a person or its last checks", page.Wait
	}
	return text, page.Plain
}

// ended says how a release ended.
func ended(r demo.Result) (string, page.Tone) {
	switch {
	case r.Held != "":
		return "Version 2 is held: a person has to decide", page.Wait
	case r.Phase == rollout.Promoted:
		return "Version 2 is promoted: everybody gets it", page.Good
	case r.Phase == rollout.Rejected:
		return "Version 2 is rejected: everybody gets version 1", page.Bad
	case r.Err != nil && !errors.Is(r.Err, runner.ErrInterrupted):
		return "The release failed: its log says why", page.Bad
	case r.Phase != rollout.Standing || r.State.Weight > 0:
		return "The release is interrupted", page.Wait
	}
	return "The release is interrupted: everybody gets version 1", page.Wait
}

// end describes how a release ended, and returns its report; nil without one.
func (s *Stage) end() (*page.End, []byte) {
	result, _ := s.Result() // its error is about the scenario, not the release
	release := demo.Release()
	made := report.Of(release.Namespace, release.Name, result.State, time.Now(), s.canarize)
	text, err := report.HTML(made)
	if err != nil {
		text = nil // the page links to none
	}
	sentence, tone := ended(result)
	e := &page.End{Tone: tone, Sentence: sentence + ".", Next: next()}
	if decision := made.Decision(); decision != "" {
		e.Sentence = decision
	}
	return e, text
}
