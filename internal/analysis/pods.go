package analysis

import (
	"math"
	"slices"
)

// podTotals holds a pod's requests since the canary is counted, or since the pod
// recovered.
type podTotals struct {
	Name  string  `json:"name"`
	Bad   float64 `json:"bad"`
	Total float64 `json:"total"`
	Away  float64 `json:"away,omitempty"` // seconds since the pod was last seen
	Well  float64 `json:"well,omitempty"` // evidence, in nats, that it is no longer as bad as before
}

// canaryPods finds out whether the whole canary is bad or only one of its pods.
type canaryPods struct {
	Pods   []podTotals `json:"pods,omitempty"` // by name
	Stable Total       `json:"stable"`         // over the same time
}

// Total is like Counts, but does not overflow.
type Total struct {
	Bad float64 `json:"bad"`
	All float64 `json:"all"`
}

// gone is the time in seconds after which a pod that was not seen is gone.
const gone = 20

func (c *canaryPods) add(pods map[string]Counts, stableBad, stableAll, seconds float64) {
	if len(pods) == 0 {
		return
	}
	if len(c.Pods) == maxPods { // make room for new pods
		c.Pods = slices.DeleteFunc(c.Pods, func(p podTotals) bool { return p.Away >= gone })
	}
	c.Pods = addMissing(c.Pods, pods, func(p *podTotals) string { return p.Name }, func(name string) podTotals { return podTotals{Name: name} })
	for i := range c.Pods {
		counts, there := pods[c.Pods[i].Name]
		c.Pods[i].add(float64(counts.Bad), float64(counts.Total), c.usual())
		if c.Pods[i].Away += seconds; there {
			c.Pods[i].Away = 0
		}
	}
	c.Stable.Bad += stableBad
	c.Stable.All += stableAll
}

// wellEvidence is the log-likelihood ratio, in nats, from which a pod has recovered. Its
// earlier requests then no longer count against it.
const wellEvidence = 9

// add counts a pod's requests of an interval. It compares two explanations of them: that
// the pod has stable's usual ratio of bad requests, or its own so far. The sum of the
// logarithms starts again at 0 when it is negative (Page, Biometrika 41, 1954), so a pod
// may recover at any time.
func (p *podTotals) add(bad, total, usual float64) {
	if own := min(p.Bad/max(p.Total, 1), .99); own > usual {
		won := bad*math.Log(usual/own) + (total-bad)*(math.Log1p(-usual)-math.Log1p(-own))
		p.Well = max(0, p.Well+won)
	}
	p.Bad, p.Total = p.Bad+bad, p.Total+total
	if p.Well >= wellEvidence {
		p.Bad, p.Total, p.Well = 0, 0, 0
	}
}

// othersEvidence is the log-likelihood ratio, in nats, that the other pods need
// on their own for the whole canary to count as bad.
const othersEvidence = 4

// usual returns stable's ratio of bad requests.
func (c *canaryPods) usual() float64 { return min((c.Stable.Bad+1)/(c.Stable.All+1), .9) }

// surprise returns the log-likelihood ratio, in nats, of the number of bad
// requests against the expected number (Poisson).
func surprise(bad, expected float64) float64 {
	return bad*math.Log(bad/expected) - (bad - expected)
}

// culprit returns the pod without which the canary shows no harm, or "". It
// needs at least two pods to tell.
func (c *canaryPods) culprit(dispersion float64) string {
	usual := c.usual()
	worst, most, bad, total, alive := -1, 0.0, 0.0, 0.0, 0
	for i, p := range c.Pods {
		if p.Total == 0 {
			continue
		}
		alive++
		bad, total = bad+p.Bad, total+p.Total
		if more := p.Bad - p.Total*usual; more > most {
			worst, most = i, more
		}
	}
	if worst < 0 || alive < 2 {
		return ""
	}
	bad, total = bad-c.Pods[worst].Bad, total-c.Pods[worst].Total
	expected := total * usual
	if bad > expected && surprise(bad, expected)/dispersion >= othersEvidence {
		return ""
	}
	return c.Pods[worst].Name
}

// clearEvidence is the log-likelihood ratio, in nats, from which a pod is
// certainly bad. e⁻²⁰ leaves room for many pods and looks. It need not be an
// e-process, because it rejects no release.
const clearEvidence = 20

// clearCulprit returns the name of the culprit if the evidence against that pod is at
// least clearEvidence, and otherwise "". spread is the dispersion of stable's pods. The
// evidence is computed as if all bad requests were in one interval, where it is weakest.
func (c *canaryPods) clearCulprit(spread *dispersion) string {
	name := c.culprit(1)
	if name == "" {
		return ""
	}
	pod := c.Pods[slices.IndexFunc(c.Pods, func(p podTotals) bool { return p.Name == name })]
	expected := pod.Total * c.usual()
	if pod.Away > 0 || pod.Bad-expected < leastExcess || surprise(pod.Bad, expected)/spread.factor(spread.inOne(expected), false) < clearEvidence {
		return ""
	}
	return name
}

// cleared reports whether nothing speaks against a pod any more: it is gone, or it has
// recovered.
func (c *canaryPods) cleared(name string) bool {
	for _, p := range c.Pods {
		if p.Name == name {
			return p.Away >= gone || p.Bad <= p.Total*c.usual() || surprise(p.Bad, p.Total*c.usual()) < othersEvidence
		}
	}
	return true
}
