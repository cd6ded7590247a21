package analysis

// clock orders observations and adds up the time between them. If observations
// are numbered, it trusts the numbers more than the times.
type clock struct {
	Started  bool    `json:"started"`
	Time     float64 `json:"time"` // of the last observation
	Seq      *int64  `json:"seq,omitempty"`
	Step     float64 `json:"step"`     // between the last two observations, s
	Released bool    `json:"released"` // the release has had an observation
	Elapsed  float64 `json:"elapsed"`  // since the release began, s
}

// jump is the factor over the usual step from which a numbered step counts as a
// jump of the clock.
const jump = 4

// late returns why an observation does not come after the last one, or "" if it
// does.
func (c *clock) late(o Observation) string {
	switch {
	case !c.Started:
		return ""
	case c.Seq != nil && o.Seq != nil:
		if *o.Seq <= *c.Seq {
			return "its seq is not above that of the previous line: the line is a repeat or out of order"
		}
	case o.Time == c.Time:
		return "its time equals that of the previous line: the line is a repeat"
	case o.Time < c.Time:
		return "its time is before that of the previous line: the line is out of order; number the lines with seq if clocks can jump"
	}
	return ""
}

// advance moves to an observation that is not late and returns the seconds
// since the last one. interval is the usual number of seconds between
// observations.
func (c *clock) advance(o Observation, interval float64) float64 {
	usual := c.Step
	if usual == 0 {
		usual = interval
	}
	from := c.Time
	if !c.Released && o.Time >= 0 {
		from = 0 // the begin of the release; earlier observations are history
	}
	step := o.Time - from
	if numbered := c.Seq != nil && o.Seq != nil; numbered {
		next := *o.Seq-*c.Seq == 1
		if step <= 0 && c.Released || next && step > jump*usual {
			step = usual
		}
	}
	c.Started, c.Time = true, o.Time
	if o.Seq != nil {
		seq := *o.Seq
		if c.Seq == nil {
			c.Seq = new(int64)
		}
		*c.Seq = seq
	}
	if o.Time < 0 && !c.Released {
		return max(step, 0)
	}
	c.Released = true
	step = max(step, 0)
	if step > 0 {
		c.Step = step
	}
	c.Elapsed += step
	return step
}
