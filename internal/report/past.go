package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/rollout"
)

// costFacts returns the largest share that the canary had, and what that cost.
func (r Report) costFacts() []fact {
	var all []fact
	if r.Number > 0 {
		all = append(all, fact{Name: "Largest share of the canary", Value: fmt.Sprintf("%d %%", r.Most)})
	}
	if c := r.cost(); c != nil {
		all = append(all, fact{Name: "Requests of the canary", Value: fmt.Sprintf("%d, of which %d were bad: %d more than at stable's rate", c.Requests, c.Bad, c.Extra)})
	}
	if r.Past != nil && r.Past.Mark != nil {
		all = append(all, fact{Name: "Later truth", Value: r.Past.Mark.Sentence()})
	}
	return all
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

// byDecider names who decided.
var byDecider = map[rollout.Decider]string{
	rollout.ByRequest:  "Whoever ran the command decided",
	rollout.ByJudge:    "The judge decided",
	rollout.ByDeadline: "The deadline passed without a verdict",
	rollout.ByPerson:   "A person decided",
	rollout.ByGate:     "A gate decided",
	rollout.ByPods:     "The canary's pods did not become ready",
	rollout.ByFailure:  "Something outside the release failed before the canary was ready",
}

// earlier returns sentences about a release that another one followed: who decided, and
// what is no longer kept.
func (r Report) earlier() []string {
	var why []string
	if who := byDecider[r.Past.By]; who != "" {
		why = append(why, sentence(who, r.Past.Reason))
	}
	if v := r.Past.Verdict; v != "" {
		text := fmt.Sprintf("The judge's last verdict was %s", v)
		if r.Past.Cause != "" {
			text += fmt.Sprintf(" (%s)", r.Past.Cause)
		}
		why = append(why, text+".")
	}
	events, cut := r.events()
	switch {
	case len(events) == 0:
		return append(why, "Release "+fmt.Sprint(r.Number)+" is not the last one of its name: only this summary is kept. Its measurements and its events are no longer kept.")
	case cut:
		return append(why, "Release "+fmt.Sprint(r.Number)+" is not the last one of its name: only this summary and its last events are kept. Its measurements and its first events are no longer kept.")
	}
	return append(why, "Release "+fmt.Sprint(r.Number)+" is not the last one of its name: only this summary and its events are kept. Its measurements are no longer kept.")
}

// sentence joins who decided and the reason, if there is one.
func sentence(who, reason string) string {
	if reason == "" {
		return who + "."
	}
	return who + ": " + strings.TrimSuffix(reason, ".") + "."
}

// change shows the image of a container, with the one before if that is known.
func (r Report) change(i rollout.Image) string {
	for _, before := range r.Before {
		if before.Workload == i.Workload && before.Container == i.Container && before.Image != "" && before.Image != i.Image {
			return before.Image + " → " + i.Image
		}
	}
	return i.Image
}

// VersionText shows in a few characters which version a release brought: the image that
// changed, by tag or short digest, without its registry.
func VersionText(p rollout.Past) string {
	if len(p.Images) == 0 {
		return cmp.Or(p.Plan, "-")
	}
	text := shortImage(p.Images[0].After)
	changed := slices.DeleteFunc(slices.Clone(p.Images), func(i rollout.ImageChange) bool { return i.Before == i.After })
	if more := len(changed) - 1 + p.Others; more > 0 {
		text += fmt.Sprintf(" +%d", more)
	}
	return text
}

// shortDigits is the number of digits of a short digest.
const shortDigits = 12

// shortImage leaves out an image's registry, and shortens its digest. With a tag, the tag
// says enough.
func shortImage(image string) string {
	image = image[strings.LastIndex(image, "/")+1:]
	name, digest, pinned := strings.Cut(image, "@")
	if _, _, tagged := strings.Cut(name, ":"); !pinned || tagged {
		return name
	}
	_, digits, _ := strings.Cut(digest, ":")
	return name + "@" + digits[:min(len(digits), shortDigits)]
}
