package report

import (
	"math"
	"regexp"
	"strconv"

	"github.com/canarize/canarize/internal/rollout"
)

func metric(s said, name string) (rollout.Metric, bool) {
	for _, m := range s.world.State.Judged.Metrics {
		if m.Name == name {
			return m, true
		}
	}
	return rollout.Metric{}, false
}

// surprise is the log-likelihood ratio of bad requests against the expected ones (Poisson).
func surprise(bad, expected float64) float64 {
	if bad <= expected {
		return 0
	}
	return bad*math.Log(bad/expected) - (bad - expected)
}

// looksBad reports whether everybody would see harm in the counts.
func looksBad(canary, stable rollout.Count) bool {
	expected := float64(canary.Total) * float64(stable.Bad+1) / float64(stable.Total+2)
	return float64(canary.Bad) >= 3*expected+5 && surprise(float64(canary.Bad), expected) >= 15
}

func (s said) anyWorse() bool {
	for _, m := range s.world.State.Judged.Metrics {
		if !m.Events && m.Canary.Bad*m.Stable.Total > m.Stable.Bad*m.Canary.Total {
			return true
		}
	}
	return false
}

func float(text string) float64 {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return math.NaN()
	}
	return f
}

var rate = regexp.MustCompile(`(\S+): (\d+) of (\d+) requests of the canary were bad, (.*?)(?: \((\d+) of (\d+)\))\.`)

// claimsOfCounts are what the judge claims about counts.
func claimsOfCounts() []claim {
	return []claim{
		when("judge", `[^p] there is no sign of harm|: There is no sign of harm`, func(s said, _ []string) bool {
			return !looksBad(s.world.Truth.Canary, s.world.Truth.Stable) && s.world.Truth.Restarts < 6
		}),
		when("judge", `No request was seen in this interval`, func(s said, _ []string) bool { return s.world.Truth.Interval == 0 }),
		when("judge", `has had no request yet`, func(s said, _ []string) bool { return s.world.Truth.Canary.Total == 0 }),
		when("judge", `More of the canary's requests are bad than stable's|more of its requests are bad`, func(s said, _ []string) bool { return s.anyWorse() }),
		when("judge", rate.String(), func(s said, found []string) bool {
			m, known := metric(s, found[1])
			if !known || m.Canary.Bad != int64(number(found[2])) || m.Canary.Total != int64(number(found[3])) || m.Stable.Bad != int64(number(found[5])) || m.Stable.Total != int64(number(found[6])) {
				return false
			}
			if found[4] == "while stable had none" {
				return m.Stable.Bad == 0
			}
			times := float(regexp.MustCompile(`^[\d.]+`).FindString(found[4]))
			return math.Abs(times-float64(m.Canary.Bad)*float64(m.Stable.Total)/float64(m.Canary.Total)/float64(m.Stable.Bad)) < .06
		}),
		when("judge", `(\S+): the canary had (\d+), but its share of the requests makes (\d+) likely; stable had (\d+)\. That is (more|fewer)`, func(s said, found []string) bool {
			m, known := metric(s, found[1])
			return known && m.Canary.Bad == int64(number(found[2])) && m.Stable.Bad == int64(number(found[4])) && (number(found[2]) > number(found[3])) == (found[5] == "more") && found[2] != found[3]
		}),
		when("judge", `One pod of the canary is bad, the others are not`, func(s said, _ []string) bool {
			return !looksBad(s.world.Truth.Others, s.world.Truth.Stable)
		}),
		when("judge", `restarted (\d+) times.*, those of stable (\d+) times`, func(s said, found []string) bool {
			return int64(number(found[1])) == s.world.Truth.Restarts && found[2] == "0"
		}),
		when("judge", `(\S+): canary (\d+) of (\d+), stable (\d+) of (\d+)\.`, func(s said, found []string) bool {
			if found[1] != "errors" {
				return true
			}
			c, st := s.world.Truth.Canary, s.world.Truth.Stable
			return int64(number(found[2])) == c.Bad && int64(number(found[3])) == c.Total && int64(number(found[4])) == st.Bad && int64(number(found[5])) == st.Total
		}),
		when("judge", `(\d+) of (\d+) requests of the canary were bad, more than the limit of ([\d.]+) %`, func(s said, found []string) bool {
			return 100*float(found[1]) > float(found[2])*float(found[3])
		}),
		when("judge", `most requests of the canary are bad now \((\d+) of (\d+)`, func(s said, found []string) bool { return number(found[1]) > 0 }),
		when("judge", `the canary's weight should be 0`, func(s said, _ []string) bool { return s.world.State.Judged.Recommended == 0 }),
		when("judge", `After \d+ seconds and (\d+) requests`, func(s said, found []string) bool {
			most := int64(0)
			for _, m := range s.world.State.Judged.Metrics {
				most = max(most, m.Canary.Total)
			}
			return most == int64(number(found[1]))
		}),
		when("board", `(?:harm|health) [█░]+ 100 %`, func(s said, _ []string) bool {
			for _, m := range s.world.State.Judged.Metrics {
				if m.Harm >= s.world.State.Judged.Reject || m.Safe >= s.world.State.Judged.Promote {
					return true
				}
			}
			return false
		}),
		when("board", `(\d+) of (\d+) bad \(100 %\)`, func(s said, found []string) bool { return found[1] == found[2] }),
		when("board", `(\d+) of (\d+) bad \(0 %\)`, func(s said, found []string) bool { return found[1] == "0" && found[2] != "0" }),
		when("board", `(\S+) % of the requests seen`, func(s said, found []string) bool {
			seen := s.world.State.Judged.Seen
			return (found[1] != "100" || seen.Canary == seen.All) && (found[1] != "0" || seen.Canary == 0)
		}),
	}
}
