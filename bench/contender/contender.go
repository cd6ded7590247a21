// Package contender configures the deciders that the benchmarks compare: the
// judge, and the rules of other tools, at their defaults and at many other
// thresholds.
package contender

import (
	"fmt"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/simulate"
	"github.com/canarize/canarize/internal/simulate/peer"
)

// Tool is a column of a table, or a point of a chart.
type Tool struct {
	Name    string
	Decider func() simulate.Decider // makes one for each run
	Default bool                    // has the thresholds of the tool's documentation
	Judge   bool                    // is canarize itself
}

// The names of the tools of the tables.
const (
	Bake        = "canarize, bake"
	Fast        = "canarize, fast"
	Flagger     = "Flagger"
	Argo        = "Argo Rollouts, 95 %"
	ArgoTighter = "Argo Rollouts, 99 %"
	Kayenta     = "Kayenta"
)

// All returns the tools of the tables.
func All() ([]Tool, error) {
	all := []Tool{
		{Name: Flagger, Decider: func() simulate.Decider { return peer.NewFlagger() }},
		{Name: Argo, Decider: func() simulate.Decider { return peer.NewArgo() }},
		{Name: ArgoTighter, Decider: func() simulate.Decider { return argoWith(0.01, 3) }},
		{Name: Kayenta, Decider: func() simulate.Decider { return peer.NewKayenta() }},
	}
	var own []Tool
	for _, p := range []struct {
		name    string
		profile analysis.Profile
	}{{Bake, analysis.BakeProfile}, {Fast, analysis.FastProfile}} {
		config, err := analysis.ForProfile(p.profile)
		if err != nil {
			return nil, err
		}
		judge, err := JudgeWith(config)
		if err != nil {
			return nil, err
		}
		own = append(own, Tool{Name: p.name, Decider: judge, Judge: true})
	}
	return append(own, all...), nil
}

// JudgeWith returns a function that makes judges with a configuration.
func JudgeWith(config analysis.Config) (func() simulate.Decider, error) {
	if _, err := analysis.New(config); err != nil {
		return nil, err
	}
	return func() simulate.Decider {
		judge, _ := analysis.New(config) // the configuration was accepted above
		return judge
	}, nil
}

func argoWith(limit float64, failures int) *peer.Argo {
	a := peer.NewArgo()
	a.Limit, a.FailureLimit = limit, failures
	return a
}

// limits are typical limits of the ratio of bad requests in people's rules.
var limits = [...]float64{0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1}

// Cloud is a tool with all of its settings.
type Cloud struct {
	Name   string
	Points []Tool
}

// Clouds returns every tool with all of its settings.
func Clouds() ([]Cloud, error) {
	own, err := sweepJudge()
	if err != nil {
		return nil, err
	}
	return []Cloud{own, sweepFlagger(), sweepArgo(), sweepKayenta()}, nil
}

func sweepJudge() (Cloud, error) {
	c := Cloud{Name: "canarize"}
	for _, profile := range analysis.Profiles() {
		for _, alpha := range []float64{0.0001, 0.001, 0.01, 0.05, 0.1, 0.2, 0.4} {
			for _, budget := range []float64{0.3, 1, 3, 10} {
				config, err := analysis.ForProfile(profile)
				if err != nil {
					return c, err
				}
				normal := config
				config.Alpha, config.Ramp.Budget = alpha, budget
				judge, err := JudgeWith(config)
				if err != nil {
					return c, err
				}
				c.Points = append(c.Points, Tool{
					Name:    fmt.Sprintf("%s, α %v %%, budget %v", profile, 100*alpha, budget),
					Decider: judge,
					Judge:   true,
					Default: alpha == normal.Alpha && budget == normal.Ramp.Budget,
				})
			}
		}
	}
	return c, nil
}

func sweepFlagger() Cloud {
	c := Cloud{Name: "Flagger"}
	normal := peer.NewFlagger()
	for _, limit := range limits {
		for _, threshold := range []int{1, 2, 3, 5, 10} {
			c.Points = append(c.Points, Tool{
				Name: fmt.Sprintf("success rate %v %%, threshold %d", 100-100*limit, threshold),
				Decider: func() simulate.Decider {
					f := peer.NewFlagger()
					f.Limit, f.Threshold = limit, threshold
					return f
				},
				Default: limit == normal.Limit && threshold == normal.Threshold,
			})
		}
	}
	return c
}

func sweepArgo() Cloud {
	c := Cloud{Name: "Argo Rollouts"}
	normal := peer.NewArgo()
	for _, limit := range limits {
		for _, failures := range []int{0, 1, 3, 5} {
			c.Points = append(c.Points, Tool{
				Name:    fmt.Sprintf("success rate %v %%, failureLimit %d", 100-100*limit, failures),
				Decider: func() simulate.Decider { return argoWith(limit, failures) },
				Default: limit == normal.Limit && failures == normal.FailureLimit,
			})
		}
	}
	return c
}

func sweepKayenta() Cloud {
	c := Cloud{Name: "Kayenta"}
	normal := peer.NewKayenta()
	for _, minutes := range []float64{5, 10, 30} {
		for _, confidence := range []float64{0.8, 0.9, 0.98, 0.999} {
			for _, tolerance := range []float64{0, 0.25, 0.5} {
				c.Points = append(c.Points, Tool{
					Name: fmt.Sprintf("every %v minutes, confidence %v %%, tolerance %v", minutes, 100*confidence, tolerance),
					Decider: func() simulate.Decider {
						k := peer.NewKayenta()
						k.Interval, k.Confidence, k.Tolerance = 60*minutes, confidence, tolerance
						return k
					},
					Default: 60*minutes == normal.Interval && confidence == normal.Confidence && tolerance == normal.Tolerance,
				})
			}
		}
	}
	return c
}
