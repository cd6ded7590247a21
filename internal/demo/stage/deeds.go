package stage

import (
	"github.com/canarize/canarize/internal/demo"
	"github.com/canarize/canarize/internal/page"
	"github.com/canarize/canarize/internal/releasefile"
)

// stands says what each deed stands for: the command, or what happens.
var stands = map[demo.Deed]string{
	demo.BreakSome:  "shop:2 answers 5 % of its requests with HTTP 500",
	demo.BreakAll:   "shop:2 answers every request with HTTP 500",
	demo.BreakSlow:  "shop:2 is slow in 20 % of its requests",
	demo.BreakPod:   "one pod of shop:2 fails half of its requests",
	demo.BreakLater: "shop:2 fails more and more",
	demo.Mend:       "shop:2 is good from now on",
	demo.BreakBoth:  "the database fails 30 % of the requests to both versions",
	demo.MendBoth:   "the database works again",
	demo.Freeze:     "Emissary applies no change of a Mapping any more, until the demo ends",
	demo.Silence:    "Emissary's statistics: connection refused",
	demo.Speak:      "Emissary's statistics can be read again",
	demo.Kill:       "kill -9 $(pidof canarize), and the job is run again",
	demo.Interrupt:  "Ctrl-C, or the pipeline's Cancel button",
	demo.Hold:       "canarize hold shop",
	demo.Resume:     "canarize resume shop",
	demo.Approve:    "canarize approve shop " + releasefile.PromotionGate,
	demo.Reject:     "canarize reject shop",
}

// about describes the page of a scenario, whose requests may go through an Envoy.
func about(s demo.Scenario, envoy *demo.Envoy) page.About {
	story := "Scenario " + s.Name + ": " + s.Story
	if envoy != nil {
		story += " The requests go through a real Envoy, version " + envoy.Version + "."
	}
	release := demo.Release()
	deed := func(d demo.Deed, label string) page.Deed {
		return page.Deed{ID: string(d), Label: label, Stands: stands[d]}
	}
	approve := deed(demo.Approve, "Approve the promotion")
	if !s.Gate {
		approve.Off = "this scenario asks nobody: see --scenario approve"
	}
	mend := deed(demo.Mend, "Mend it")
	if s.Crash {
		mend.Off = "its pods have ended; it would have to be released again"
	}
	return page.About{
		Host:    "the demo",
		Ends:    true,
		Bad:     "failed",
		Release: release.Namespace + "/" + release.Name,
		Dots:    "A dot is a real request. The width of a stream is its share. A red cross is a failed request.",
		Story:   story,
		Rules:   page.GhostRules,
		Groups: []page.Group{
			{Title: "Break the new version", Deeds: []page.Deed{
				deed(demo.BreakSome, "5 % errors"), deed(demo.BreakAll, "Every request fails"), deed(demo.BreakSlow, "A slow tail"),
				deed(demo.BreakPod, "One bad pod"), deed(demo.BreakLater, "A leak"), mend,
			}},
			{Title: "Break both versions: nobody is to blame", Deeds: []page.Deed{deed(demo.BreakBoth, "A shared outage"), deed(demo.MendBoth, "End the outage")}},
			{Title: "Accidents", Deeds: []page.Deed{
				deed(demo.Kill, "kill −9 the releaser"), deed(demo.Interrupt, "Cancel the pipeline"), deed(demo.Silence, "Cut the metrics"),
				deed(demo.Speak, "Metrics are back"), deed(demo.Freeze, "Freeze the gateway"),
			}},
			{Title: "People", Deeds: []page.Deed{approve, deed(demo.Hold, "Hold"), deed(demo.Resume, "Resume"), deed(demo.Reject, "Reject")}},
		},
	}
}

// next returns the commands for one's own manifests.
func next() (all []page.Command) {
	for _, n := range demo.NextSteps() {
		all = append(all, page.Command{Line: n.Command, What: n.What})
	}
	return all
}
