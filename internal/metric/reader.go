package metric

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Reader reads a source repeatedly. It is not safe for concurrent use.
type Reader struct {
	Source  Source
	Tracker *Tracker
	// Timeout limits one reading. An interval is a good choice.
	Timeout time.Duration

	from time.Time // of the last observation
}

// Read reads the source at a time. If the source fails, the observation is a
// gap with the error among the troubles. Read itself never fails, because a
// failed source tells nothing about the canary.
func (r *Reader) Read(ctx context.Context, now time.Time, w Weight) Outcome {
	ctx, cancel := context.WithTimeoutCause(ctx, r.Timeout, fmt.Errorf("no answer within %s", r.Timeout))
	defer cancel()
	from := r.from
	if from.IsZero() {
		from = now
	}
	reading, err := r.Source.Read(ctx, from, now)
	if err == nil {
		err = reading.check()
	}
	if err != nil {
		if ctx.Err() != nil && !errors.Is(err, context.Cause(ctx)) {
			err = fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		}
		return r.Tracker.Failed(now, w, err)
	}
	out := r.Tracker.Observe(reading, w)
	if out.Ready {
		r.from = now
	}
	return out
}

// check rejects a reading that exceeds the limits.
func (r Reading) check() error {
	if len(r.Targets) > MaxTargets {
		return fmt.Errorf("%d targets are too many, the limit is %d; select fewer", len(r.Targets), MaxTargets)
	}
	names := map[string]bool{}
	for _, t := range r.Targets {
		if names[t.Name] {
			return fmt.Errorf("%s: two targets have this name", t.Name)
		}
		names[t.Name] = true
	}
	if values := r.values(); values > MaxValues {
		return fmt.Errorf("%d values are too many, the limit is %d; select fewer", values, MaxValues)
	}
	return nil
}

// values returns the number of values in a reading.
func (r Reading) values() (n int) {
	for _, t := range r.Targets {
		for _, s := range t.Scrapes {
			n += len(s.Values)
			for _, h := range s.Natives {
				n += h.Histogram.Size()
			}
		}
	}
	return n
}
