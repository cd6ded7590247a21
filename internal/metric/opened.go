package metric

import "time"

// Opened is an open metric source of a release.
type Opened struct {
	Source  Source
	Metrics []Metric      // empty if the source discovers them itself
	Timeout time.Duration // of one reading
	// Every is the time between two readings that cost nobody anything; 0 means only the
	// readings that the judge needs.
	Every time.Duration
	// Remembers reports that the source also knows the counts from before the release.
	Remembers bool
	End       func() // closes what stays open between two readings; nil if nothing does
}

// Close closes what stays open between two readings.
func (o *Opened) Close() {
	if o.End != nil {
		o.End()
	}
}

// Reader returns a reader for a release that begins at a time.
func (o *Opened) Reader(begin time.Time) *Reader {
	return &Reader{Source: o.Source, Tracker: NewTracker(o.Metrics, begin), Timeout: o.Timeout}
}
