package analysis

// clock orders observations and adds up the time between them. It trusts the
// numbers of observations, if they have any, more than their times.
type clock struct {
	Started  bool    `json:"started"`
	Time     float64 `json:"time"` // of the last observation
	Seq      *int64  `json:"seq,omitempty"`
	Step     float64 `json:"step"`     // between the last two observations, s
	Released bool    `json:"released"` // an observation of the release itself was seen
	Elapsed  float64 `json:"elapsed"`  // since the release began, s
}

// jump is how many times longer than the one before a step is that a clock's
// jump explains better.
const jump = 4

// late says why an observation does not come after the last one; "" if it does.
func (c *clock) late(o Observation) string {
	switch {
	case !c.Started:
		return ""
	case c.Seq != nil && o.Seq != nil:
		if *o.Seq <= *c.Seq {
			return "its seq is not above that of the line before: it is repeated or out of order"
		}
	case o.Time == c.Time:
		return "its time is that of the line before: it is repeated"
	case o.Time < c.Time:
		return "its time is before that of the line before: it is out of order; number lines with seq if clocks can jump"
	}
	return ""
}

// advance goes to an observation that is not late, and returns the seconds since
// the one before. interval is what they usually are.
func (c *clock) advance(o Observation, interval float64) float64 {
	usual := c.Step
	if usual == 0 {
		usual = interval
	}
	from := c.Time
	if !c.Released && o.Time >= 0 {
		from = 0 // of the release; what was before is history
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
