package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/canarize/canarize/internal/rollout"
)

// costFacts returns the largest share that the canary had, and what that cost.
func (r Report) costFacts() []fact {
	var all []fact
	if r.Number > 0 {
		all = append(all, fact{Name: "Largest share of the canary", Value: fmt.Sprintf("%d %%", r.Most)})
	}
	if c := r.cost(); c != nil {
		all = append(all, fact{Name: "Requests of the canary", Value: fmt.Sprintf("%d, of which %d were bad: %s", c.Requests, c.Bad, extra(c.Extra))})
	}
	if r.Past != nil && r.Past.Mark != nil {
		all = append(all, fact{Name: "Later truth", Value: r.Past.Mark.Sentence()})
	}
	return all
}

// extra compares bad requests with stable's rate.
func extra(n int64) string {
	if n == 0 {
		return "no more than at stable's rate"
	}
	return fmt.Sprintf("%d more than at stable's rate", n)
}

// cost returns what the release cost so far; nil if nobody counted requests.
func (r Report) cost() *rollout.Cost {
	switch {
	case r.Past != nil:
		return r.Past.Cost
	case r.Number == 0: // a report of an earlier canarize
		return nil
	}
	return r.Judged.Cost()
}

// laterTruth says what the decision turned out to be.
func (r Report) laterTruth() []string {
	if r.Past == nil || r.Past.Mark == nil {
		return nil
	}
	return []string{"Later, somebody marked the release: " + r.Past.Mark.Sentence() + "."}
}

// earlier returns sentences about a release that another one followed: what the judge
// found last, and what is no longer kept.
func (r Report) earlier() []string {
	var why []string
	if v := r.Past.Verdict; v != "" {
		text := fmt.Sprintf("The judge's last verdict was %s", v)
		if r.Past.Cause != "" {
			text += fmt.Sprintf(" (%s)", r.Past.Cause)
		}
		why = append(why, text+".")
	}
	kept, gone := "this summary and its events are kept. Its measurements", ""
	switch events, cut := r.events(); {
	case len(events) == 0:
		kept, gone = "this summary is kept. Its measurements", " and its events"
	case cut:
		kept, gone = "this summary and its last events are kept. Its measurements", " and its first events"
	}
	return append(why, fmt.Sprintf("Release %d is not the last one of its name: only %s%s are no longer kept.", r.Number, kept, gone))
}

// planName names the digest of the manifests. Of an earlier release its first digits are
// kept.
func (r Report) planName() string {
	if r.Earlier {
		return "Digest of the manifests, first digits"
	}
	return "Digest of the manifests"
}

// change shows the image of a container, with the one before if that is known.
func (r Report) change(i rollout.Image) string {
	switch before := r.before(i); before {
	case "":
		return i.Image
	case i.Image:
		return i.Image + ", unchanged"
	default:
		return before + " → " + i.Image
	}
}

// VersionText shows in a few characters which version a release brought: the image that
// changed, by tag or short digest, without its registry.
func VersionText(p rollout.Past) string {
	if len(p.Images) == 0 {
		return cmp.Or(p.Plan, "-")
	}
	text := rollout.ShortImage(p.Images[0].After)
	changed := slices.DeleteFunc(slices.Clone(p.Images), func(i rollout.ImageChange) bool { return i.Before == i.After })
	if more := len(changed) - 1 + p.Others; more > 0 {
		text += fmt.Sprintf(" +%d", more)
	}
	return text
}
