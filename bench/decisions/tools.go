package main

import (
	"fmt"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/simulate"
	"github.com/canarize/canarize/internal/simulate/peer"
)

// tool is a column of the tables, or a point of the chart.
type tool struct {
	name    string
	decider func() simulate.Decider
	strong  bool // has the thresholds of the tool's documentation
}

const (
	bake        = "canarize, bake"
	fast        = "canarize, fast"
	flagger     = "Flagger"
	argo        = "Argo Rollouts, 95 %"
	argoTighter = "Argo Rollouts, 99 %"
	kayenta     = "Kayenta"
)

// allTools returns the tools of the tables.
func allTools() ([]tool, error) {
	all := []tool{
		{name: flagger, decider: func() simulate.Decider { return peer.NewFlagger() }},
		{name: argo, decider: func() simulate.Decider { return peer.NewArgo() }},
		{name: argoTighter, decider: func() simulate.Decider { return argoWith(0.01, 3) }},
		{name: kayenta, decider: func() simulate.Decider { return peer.NewKayenta() }},
	}
	var own []tool
	for _, p := range []struct {
		name    string
		profile analysis.Profile
	}{{bake, analysis.BakeProfile}, {fast, analysis.FastProfile}} {
		config, err := analysis.ForProfile(p.profile)
		if err != nil {
			return nil, err
		}
		judge, err := judgeWith(config)
		if err != nil {
			return nil, err
		}
		own = append(own, tool{name: p.name, decider: judge})
	}
	return append(own, all...), nil
}

// judgeWith returns a function that makes judges with a configuration.
func judgeWith(config analysis.Config) (func() simulate.Decider, error) {
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

// cloud is a tool with all of its settings.
type cloud struct {
	name   string
	points []tool
}

// allClouds returns the sweeps of the chart.
func allClouds() ([]cloud, error) {
	own, err := sweepJudge()
	if err != nil {
		return nil, err
	}
	return []cloud{own, sweepFlagger(), sweepArgo(), sweepKayenta()}, nil
}

func sweepJudge() (cloud, error) {
	c := cloud{name: "canarize"}
	for _, profile := range analysis.Profiles() {
		for _, alpha := range []float64{0.0001, 0.001, 0.01, 0.05, 0.1, 0.2, 0.4} {
			for _, budget := range []float64{0.3, 1, 3, 10} {
				config, err := analysis.ForProfile(profile)
				if err != nil {
					return c, err
				}
				normal := config
				config.Alpha, config.Ramp.Budget = alpha, budget
				judge, err := judgeWith(config)
				if err != nil {
					return c, err
				}
				c.points = append(c.points, tool{
					name:    fmt.Sprintf("%s, α %v %%, budget %v", profile, 100*alpha, budget),
					decider: judge,
					strong:  alpha == normal.Alpha && budget == normal.Ramp.Budget,
				})
			}
		}
	}
	return c, nil
}

func sweepFlagger() cloud {
	c := cloud{name: "Flagger"}
	normal := peer.NewFlagger()
	for _, limit := range limits {
		for _, threshold := range []int{1, 2, 3, 5, 10} {
			c.points = append(c.points, tool{
				name: fmt.Sprintf("success rate %v %%, threshold %d", 100-100*limit, threshold),
				decider: func() simulate.Decider {
					f := peer.NewFlagger()
					f.Limit, f.Threshold = limit, threshold
					return f
				},
				strong: limit == normal.Limit && threshold == normal.Threshold,
			})
		}
	}
	return c
}

func sweepArgo() cloud {
	c := cloud{name: "Argo Rollouts"}
	normal := peer.NewArgo()
	for _, limit := range limits {
		for _, failures := range []int{0, 1, 3, 5} {
			c.points = append(c.points, tool{
				name:    fmt.Sprintf("success rate %v %%, failureLimit %d", 100-100*limit, failures),
				decider: func() simulate.Decider { return argoWith(limit, failures) },
				strong:  limit == normal.Limit && failures == normal.FailureLimit,
			})
		}
	}
	return c
}

func sweepKayenta() cloud {
	c := cloud{name: "Kayenta"}
	normal := peer.NewKayenta()
	for _, minutes := range []float64{5, 10, 30} {
		for _, confidence := range []float64{0.8, 0.9, 0.98, 0.999} {
			for _, tolerance := range []float64{0, 0.25, 0.5} {
				c.points = append(c.points, tool{
					name: fmt.Sprintf("every %v minutes, confidence %v %%, tolerance %v", minutes, 100*confidence, tolerance),
					decider: func() simulate.Decider {
						k := peer.NewKayenta()
						k.Interval, k.Confidence, k.Tolerance = 60*minutes, confidence, tolerance
						return k
					},
					strong: 60*minutes == normal.Interval && confidence == normal.Confidence && tolerance == normal.Tolerance,
				})
			}
		}
	}
	return c
}
