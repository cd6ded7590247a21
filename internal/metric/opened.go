package metric

import "time"

// Opened is an open metric source of a release.
type Opened struct {
	Source  Source
	Metrics []Metric      // empty where the source says them itself
	Timeout time.Duration // of one reading
	// Every is how often a reading costs nobody anything; 0 is no more often than the
	// judge needs it.
	Every time.Duration
	// Remembers says that the source knows what was counted before the release, too.
	Remembers bool
	End       func() // of what is kept open between two readings; nil where nothing is
}

// Close ends what is kept open between two readings.
func (o *Opened) Close() {
	if o.End != nil {
		o.End()
	}
}

// Reader counts what happens to a release that begins at a time.
func (o *Opened) Reader(begin time.Time) *Reader {
	return &Reader{Source: o.Source, Tracker: NewTracker(o.Metrics, begin), Timeout: o.Timeout}
}
