package rollout

import (
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
)

// APIVersion and Kind are those of a release file.
const (
	APIVersion = "canarize.dev/v1alpha1"
	Kind       = "Release"
)

// Release is what a release file says, with the defaults for what it leaves out.
type Release struct {
	Name, Namespace string

	// Analysis is spec.analysis and spec.ramp.
	Analysis analysis.Config
	// Metrics is spec.metrics; without a source when there is none.
	Metrics metric.Config
	// Gates is spec.gates.
	Gates []Gate
}

// DefaultRelease is the release of a file that says nothing.
func DefaultRelease() Release { return Release{Analysis: analysis.Default()} }

// ParseRelease reads a release file. It is strict: a name that is not known is an
// error that lists those that are. Errors are FILE:LINE: what.
func ParseRelease(file string, content []byte) (Release, error) {
	r := DefaultRelease()
	err := readYAML(file, content, func(v value) error {
		// The profile is read first, since it sets the defaults of the others.
		if err := r.readProfile(v); err != nil {
			return err
		}
		var version, kind string
		err := object(
			field{"apiVersion", oneOf(&version, APIVersion)},
			field{"kind", oneOf(&kind, Kind)},
			field{"metadata", object(
				field{"name", text(&r.Name)},
				field{"namespace", text(&r.Namespace)},
				field{"labels", anything},
				field{"annotations", anything},
			)},
			field{"spec", object(
				field{"analysis", r.readAnalysis},
				field{"ramp", r.readRamp},
				field{"metrics", r.readMetrics},
				field{"gates", list(r.readGate)},
			)},
		)(v)
		switch {
		case err != nil:
			return err
		case version == "" || kind == "":
			return v.errorf("it has to begin with apiVersion: %s and kind: %s", APIVersion, Kind)
		}
		return nil
	})
	return r, err
}

// anything is not looked at.
func anything(value) error { return nil }

// find calls read for what is at a path of names, if anything is.
func find(v value, path []string, read func(value) error) error {
	if len(path) == 0 {
		return read(v)
	}
	return entries(v, func(name string, child value) error {
		if name != path[0] {
			return nil
		}
		return find(child, path[1:], read)
	})
}

func (r *Release) readProfile(v value) error {
	return find(v, []string{"spec", "analysis", "profile"}, func(v value) error {
		var profile analysis.Profile
		if err := oneOf(&profile, analysis.Profiles()...)(v); err != nil {
			return err
		}
		c, err := analysis.ForProfile(profile)
		r.Analysis = c
		return err
	})
}

// readAnalysis reads spec.analysis. The defaults are those of analysis.ForProfile,
// analysis.DefaultMargin and analysis.DefaultGauge.
func (r *Release) readAnalysis(v value) error {
	c := &r.Analysis
	err := object(
		field{"profile", anything}, // read before
		field{"alpha", number(&c.Alpha)},
		field{"beta", number(&c.Beta)},
		field{"interval", seconds(&c.Interval)},
		field{"warmup", seconds(&c.Warmup)},
		field{"bake", seconds(&c.Bake)},
		field{"deadline", seconds(&c.Deadline)},
		field{"overtime", oneOf(&c.Overtime, analysis.Withdraw, analysis.Keep)},
		field{"margins", r.readMargins},
		field{"gauges", r.readGauges},
		field{"limits", list(r.readLimit)},
	)(v)
	if err != nil {
		return err
	}
	return checked(v, *c)
}

// checked says where in the file the configuration is impossible.
func checked(v value, c analysis.Config) error {
	if err := c.Validate(); err != nil {
		return v.errorf("%w", err)
	}
	return nil
}

func (r *Release) readMargins(v value) error {
	r.Analysis.Margins = map[string]float64{}
	return entries(v, func(name string, v value) error {
		var points float64
		err := number(&points)(v)
		r.Analysis.Margins[name] = points
		return err
	})
}

func (r *Release) readGauges(v value) error {
	r.Analysis.Gauges = map[string]analysis.GaugeRule{}
	return entries(v, func(name string, v value) error {
		rule := analysis.DefaultGauge()
		err := object(field{"margin", number(&rule.Margin)}, field{"rejects", boolean(&rule.Rejects)})(v)
		r.Analysis.Gauges[name] = rule
		return err
	})
}

func (r *Release) readLimit(v value) error {
	limit := analysis.Limit{Requests: 1000}
	err := object(
		field{"metric", text(&limit.Metric)},
		field{"max", number(&limit.Max)},
		field{"requests", whole(&limit.Requests)},
	)(v)
	r.Analysis.Limits = append(r.Analysis.Limits, limit)
	return err
}

// readRamp reads spec.ramp. With steps the ramp is manual.
func (r *Release) readRamp(v value) error {
	ramp := &r.Analysis.Ramp
	err := object(
		field{"budget", number(&ramp.Budget)},
		field{"max", number(&ramp.Max)},
		field{"steps", list(func(v value) error {
			var step analysis.Step
			err := object(field{"weight", number(&step.Weight)}, field{"hold", seconds(&step.Hold)})(v)
			ramp.Steps = append(ramp.Steps, step)
			return err
		})},
	)(v)
	if err != nil {
		return err
	}
	return checked(v, r.Analysis)
}

// readGate reads one of spec.gates.
func (r *Release) readGate(v value) error {
	g, timeout, weight := Gate{}, DefaultGateTimeout.Seconds(), int64(0)
	err := object(
		field{"name", text(&g.Name)},
		field{"weight", whole(&weight)},
		field{"exec", list(func(v value) error {
			g.Exec = append(g.Exec, "")
			return text(&g.Exec[len(g.Exec)-1])(v)
		})},
		field{"http", text(&g.HTTP)},
		field{"manual", boolean(&g.Manual)},
		field{"timeout", seconds(&timeout)},
	)(v)
	g.Weight, g.Timeout = int(weight), time.Duration(timeout*float64(time.Second))
	r.Gates = append(r.Gates, g)
	return err
}
