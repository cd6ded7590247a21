package analysis

// limit tests a fixed limit on the canary each time enough requests have been
// collected.
type limit struct {
	Counts Total `json:"counts"`
	Broken Total `json:"broken"` // the requests that exceeded it
}

func (l *limit) add(rule Limit, arm *Arm) {
	if arm == nil || l.Broken.All > 0 {
		return
	}
	c, _ := arm.sum() // checked before
	l.Counts.Bad += float64(c.Bad)
	l.Counts.All += float64(c.Total)
	if l.Counts.All < float64(rule.Requests) {
		return
	}
	if l.Counts.Bad > rule.Max/100*l.Counts.All {
		l.Broken = l.Counts
	}
	l.Counts = Total{}
}
