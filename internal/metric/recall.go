package metric

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Archive is a source that stores samples for a long time.
type Archive interface {
	// Past returns the samples of stable between two times. A target need not have
	// existed all the time.
	Past(ctx context.Context, from, to time.Time) (Reading, error)
}

// Recalling determines what to read of the past.
type Recalling struct {
	Metrics    []Metric
	Begin, End time.Time
	Interval   time.Duration // of the judge
	Timeout    time.Duration // of one reading
}

const (
	// portion is the time that is read at once, and mostPortions how many times that if
	// there are few samples. Both bound the size of an answer.
	portion      = 10 * time.Minute
	mostPortions = 6
	// maxPast is the largest number of pods times steps in a past.
	maxPast = 1_000_000
)

// ErrNamelessPods reports that the series do not say which pod they are of.
var ErrNamelessPods = errors.New("the series do not name their pods")

// Recall reads the past of stable's pods and returns their increments. The rules are
// those of a Tracker.
func Recall(ctx context.Context, archive Archive, o Recalling) (Past, error) {
	r := recording{metrics: undivided(o.Metrics), end: o.End, pods: map[string]*recordedPod{}}
	if o.End.Sub(o.Begin)/o.Interval > maxPast {
		return Past{}, fmt.Errorf("%s has too many intervals of %s; choose a shorter time", o.End.Sub(o.Begin), o.Interval)
	}
	portions, err := r.start(ctx, archive, o)
	if err != nil || r.step == 0 {
		return Past{Begin: o.Begin, Step: o.Interval, Steps: int(o.End.Sub(o.Begin) / o.Interval)}, err
	}
	each := max(1, portions*int(portion/r.step)) // steps that are read at once
	for step := 0; step < r.steps(); step += each {
		to := min(step+each, r.steps())
		reading, err := remember(ctx, archive, r.at(step), r.at(to), o.Timeout)
		if err != nil {
			return Past{}, err
		}
		if err := r.add(reading, step, to); err != nil {
			return Past{}, err
		}
	}
	return r.past(), nil
}

// start finds the first scrape, and in the portion behind it the step and how many portions
// can be read at once. Without samples the step stays 0.
func (r *recording) start(ctx context.Context, archive Archive, o Recalling) (portions int, err error) {
	for at := o.Begin; at.Before(o.End); at = at.Add(portion) {
		reading, err := remember(ctx, archive, at, earlier(at.Add(portion), o.End), o.Timeout)
		if err != nil {
			return 0, err
		}
		if len(reading.Targets) == 0 {
			continue
		}
		r.begin = reading.earliest()
		if reading, err = remember(ctx, archive, r.begin, earlier(r.begin.Add(portion), o.End), o.Timeout); err != nil {
			return 0, err
		}
		r.step = stepFor(reading, o.Interval)
		return min(max(1, MaxValues/2/max(reading.values(), 1)), mostPortions), nil
	}
	return 0, nil
}

// earliest returns the time just before the first scrape.
func (r Reading) earliest() time.Time {
	first := r.At
	for _, t := range r.Targets {
		first = earlier(first, t.Scrapes[0].Time)
	}
	return first.Add(-time.Second).Truncate(time.Second)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// stepFor returns the smallest multiple of the judge's interval in which all targets are
// usually scraped.
func stepFor(reading Reading, interval time.Duration) time.Duration {
	var apart []time.Duration
	for _, t := range reading.Targets {
		for i := 1; i < len(t.Scrapes); i++ {
			apart = append(apart, t.Scrapes[i].Time.Sub(t.Scrapes[i-1].Time))
		}
	}
	if len(apart) == 0 {
		return interval
	}
	slices.Sort(apart)
	const jitter = time.Second
	usual := max(apart[len(apart)/2]-jitter, 1)
	return interval * ((usual + interval - 1) / interval)
}

// remember reads one portion.
func remember(ctx context.Context, archive Archive, from, to time.Time, timeout time.Duration) (Reading, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %s", timeout))
	defer cancel()
	reading, err := archive.Past(ctx, from, to)
	if err == nil {
		err = reading.check()
	}
	if err != nil && ctx.Err() != nil && !errors.Is(err, context.Cause(ctx)) {
		err = fmt.Errorf("%w (%w)", err, context.Cause(ctx))
	}
	return reading, err
}
