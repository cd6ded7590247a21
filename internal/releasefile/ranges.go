package releasefile

import (
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/canarize/canarize/internal/analysis"
)

// The largest values of settings. analysis.Config.Validate has the same limits, in its own
// units; a test compares both.
const (
	longestTime = 24 * time.Hour
	longestBake = 30 * 24 * time.Hour
)

// plainNumber formats a number without an exponent.
func plainNumber(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// between describes a number within a range.
func between(to *float64, least, most float64) form {
	return number(to).check(func(v value) error {
		if *to < least || *to > most {
			return v.errorf("%s is out of range; it must be from %s to %s", v.resolved().Value, plainNumber(least), plainNumber(most))
		}
		return nil
	})
}

// secondsBetween describes a duration within a range that is stored as seconds.
func secondsBetween(to *float64, least, most time.Duration) form {
	return seconds(to).check(func(v value) error {
		if *to < least.Seconds() || *to > most.Seconds() {
			return v.errorf("%s is out of range; it must be from %s to %s", v.resolved().Value, Written(least), Written(most))
		}
		return nil
	})
}

// marginForm describes percentage points of harm.
func marginForm(to *float64) form {
	return number(to).check(func(v value) error {
		if !(*to > 0 && *to < 100) {
			return v.errorf("%s is out of range; it must be above 0 and below 100 percentage points", v.resolved().Value)
		}
		return nil
	})
}

// longEnough checks that the deadline is not before the end of the bake. The error is at
// the setting that the file has.
func (r *File) longEnough(v value) error {
	c := r.Analysis
	if c.Deadline >= c.Bake {
		return nil
	}
	bake, deadline := asDuration(c.Bake), asDuration(c.Deadline)
	if d, found := v.child("deadline"); found {
		byDefault := ""
		if !v.has("bake") {
			byDefault = " by default"
		}
		return d.errorf("%s is too short; it must be at least the bake, %s%s", Written(deadline), Written(bake), byDefault)
	}
	b, _ := v.child("bake") // without either, the defaults fit
	return b.errorf("%s is longer than the deadline, %s by default; set spec.analysis.deadline to at least %s, or shorten the bake", Written(bake), Written(deadline), Written(bake))
}

func asDuration(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second))
}

// growing checks that weights increase.
func growing(steps *[]analysis.Step) func(value) error {
	return func(v value) error {
		last := 0.0
		for i, s := range *steps {
			item := v.item(i)
			weight, found := item.child("weight")
			switch {
			case !found:
				return item.errorf("a step needs a weight")
			case s.Weight <= 0 || s.Weight > 100:
				return weight.errorf("%s is out of range; it must be above 0, and at most 100", plainNumber(s.Weight))
			case s.Weight <= last:
				return weight.errorf("%s comes after %s; weights must increase from step to step", plainNumber(s.Weight), plainNumber(last))
			}
			last = s.Weight
		}
		return nil
	}
}

// child returns the value of a name in a mapping.
func (v value) child(name string) (value, bool) {
	if e := member(v.node, name); e != nil {
		return value{e.value, v.path + "." + name}, true
	}
	return v, false
}

// item returns an item of a list.
func (v value) item(i int) value {
	return value{v.resolved().Content[i], v.path + "[" + strconv.Itoa(i) + "]"}
}

// Line returns the line of a setting, such as spec.canary.suffix, in a valid release file,
// or 0 if the file does not have it.
func Line(content []byte, path ...string) int {
	var document yaml.Node
	if yaml.Load(content, &document) != nil || len(document.Content) == 0 {
		return 0
	}
	n := document.Content[0]
	for _, name := range path {
		e := member(n, name)
		if e == nil {
			return 0
		}
		n = e.value
	}
	return n.Line
}
