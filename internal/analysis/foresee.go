package analysis

// Foresight holds what to expect of the judge at one weight.
type Foresight struct {
	Weight   float64 // percent
	Requests float64 // of the canary, per second
	// Alarms is for increasing harm, Promotion for a canary as good as stable.
	// Both assume that all evidence comes at this weight.
	Alarms    []Expected
	Promotion Expected
}

// Expected is the time that the judge is expected to need from the canary's first request
// on. For a promotion it does not include the bake.
type Expected struct {
	Bad      float64 // of the canary's requests, from 0 to 1
	Requests float64 // of the canary
	Seconds  float64
}

// Foresee returns, for every weight that the ramp may use, how soon a metric
// would lead to a decision. Both versions together get perSecond requests per
// second; stable is stable's ratio of bad requests, from 0 to 1. The harm is
// the margin, five points, and every request. See ToAlarm and ToPromote.
func (c Config) Foresee(metric string, perSecond, stable float64) []Foresight {
	var all []Foresight
	for _, weight := range c.Ramp.weights() {
		f := Foresight{Weight: weight, Requests: perSecond * weight / 100}
		for _, harm := range []float64{c.margin(metric), .05, 1} {
			bad := min(stable+harm, 1)
			f.Alarms = append(f.Alarms, c.alarm(metric, stable, f, bad))
		}
		f.Promotion = c.expect(metric, f, stable, c.ToPromote(metric, stable, min(weight, 99)), leastBlocks*c.Interval)
		all = append(all, f)
	}
	return all
}

// leastBlocks is the least number of blocks of evidence for a verdict, see most.
const leastBlocks = 3

// expect returns when a verdict is expected that needs so many requests and seconds after the
// warm-up.
func (c Config) expect(metric string, f Foresight, bad, requests, least float64) Expected {
	seconds := c.warmup(metric, measuresTime(metric)) + max(requests/f.Requests, least)
	return Expected{Bad: bad, Requests: requests, Seconds: seconds}
}

// alarm returns when a rejection is expected, by evidence or by the brake.
func (c Config) alarm(metric string, stable float64, f Foresight, bad float64) Expected {
	least := (leastBlocks-1)*c.Interval + c.look(f.Requests)
	e := c.expect(metric, f, bad, c.ToAlarm(stable, bad, f.Weight), least)
	if requests := c.toBrake(stable, bad); requests/f.Requests < e.Seconds {
		e = Expected{Bad: bad, Requests: requests, Seconds: max(requests/f.Requests, c.Interval)}
	}
	return e
}

// weights returns the weights that a ramp may use.
func (r Ramp) weights() []float64 {
	var all []float64
	for _, s := range r.Steps {
		all = append(all, s.Weight)
	}
	for _, w := range weights {
		if len(r.Steps) == 0 && w <= r.Max {
			all = append(all, w)
		}
	}
	return all
}
