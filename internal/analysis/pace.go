package analysis

const (
	// leastLook is the least time in seconds between two observations. A gateway draws each
	// request, but the requests that fail together, such as a client's retries, come within a
	// shorter time.
	leastLook = 3
	// leastRequests is the number of canary requests that make an observation worthwhile.
	leastRequests = 10
)

// block joins short intervals. What one block can prove has a limit, because bad requests that
// come together may depend on each other.
type block struct {
	Length float64 `json:"length,omitempty"` // so far, s
}

// begins adds an interval of some seconds and reports whether a block begins with it. Blocks
// are at least so many seconds long.
func (b *block) begins(seconds, least float64) bool {
	begins := b.Length == 0 || whole(b.Length, seconds, least)
	if begins {
		b.Length = 0
	}
	b.Length += seconds
	return begins
}

// whole reports whether a block is as long as it should be, to within half of its last
// interval. All are in seconds.
func whole(length, last, should float64) bool { return length+last/2 >= should }

// next returns the time in seconds until another observation is worthwhile. The evidence of
// an interval has a limit, because bad requests in it may depend on each other. The more
// requests come, the shorter it may therefore be.
func (j *Judge) next() float64 {
	t, weight := &j.s.Traffic, j.standing.Weight
	pace := j.config.look(t.Rate * weight / 100 * t.multiple())
	switch {
	case j.s.Over:
		return 0
	case j.s.Clock.Elapsed == 0: // it is not known how many requests will come
		pace = leastLook
	case t.Now == 0, t.Waited > 0:
		pace = j.config.Interval
	}
	if weight != t.Weight || j.s.Clock.Elapsed == 0 {
		pace = max(pace, settles)
	}
	return min(pace, j.config.Interval)
}

// look returns the time in seconds of an interval in which the canary gets so many requests a
// second.
func (c Config) look(requests float64) float64 {
	return min(max(leastRequests/max(requests, 1e-9), leastLook), c.Interval)
}
