package analysis

import (
	"math"
	"slices"
)

// podTotals are a pod's requests since the canary is counted.
type podTotals struct {
	Name  string  `json:"name"`
	Bad   float64 `json:"bad"`
	Total float64 `json:"total"`
	Away  int     `json:"away,omitempty"` // observations without it
}

// canaryPods knows whether the canary or only one pod of it is bad.
type canaryPods struct {
	Pods   []podTotals `json:"pods,omitempty"` // by name
	Stable Total       `json:"stable"`         // in the same time
}

// Total is a Counts that does not overflow.
type Total struct {
	Bad float64 `json:"bad"`
	All float64 `json:"all"`
}

func (c *canaryPods) add(pods map[string]Counts, stableBad, stableAll float64) {
	if len(pods) == 0 {
		return
	}
	if len(c.Pods) == maxPods { // make room for pods that are new
		c.Pods = slices.DeleteFunc(c.Pods, func(p podTotals) bool { return p.Away > 1 })
	}
	c.Pods = meet(c.Pods, pods, func(p *podTotals) string { return p.Name }, func(name string) podTotals { return podTotals{Name: name} })
	for i := range c.Pods {
		counts, there := pods[c.Pods[i].Name]
		c.Pods[i].Bad += float64(counts.Bad)
		c.Pods[i].Total += float64(counts.Total)
		if c.Pods[i].Away++; there {
			c.Pods[i].Away = 0
		}
	}
	c.Stable.Bad += stableBad
	c.Stable.All += stableAll
}

// othersEvidence is the log-likelihood ratio, in nats, that the other pods have to
// have on their own for the whole canary to be bad.
const othersEvidence = 4

// usual is stable's ratio of bad requests.
func (c *canaryPods) usual() float64 { return (c.Stable.Bad + 1) / (c.Stable.All + 1) }

// surprise is the log-likelihood ratio, in nats, of so many bad requests against those
// that were expected (Poisson).
func surprise(bad, expected float64) float64 {
	return bad*math.Log(bad/expected) - (bad - expected)
}

// scapegoat is the pod without which the canary shows no harm, or "". With fewer
// than three pods there is no telling.
func (c *canaryPods) scapegoat(dispersion float64) string {
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
	if worst < 0 || alive < 3 {
		return ""
	}
	bad, total = bad-c.Pods[worst].Bad, total-c.Pods[worst].Total
	expected := total * usual
	if bad > expected && surprise(bad, expected)/dispersion >= othersEvidence {
		return ""
	}
	return c.Pods[worst].Name
}

// standoutEvidence is the log-likelihood ratio, in nats, from which a pod is beyond
// doubt bad: e⁻²⁰ leaves room for many pods and looks. As nobody is rejected for it, it
// need not be an e-process.
const standoutEvidence = 20

// standout is the scapegoat when it has that evidence against it, or "". spread is the
// dispersion of stable's pods; that it may all be in one interval is assumed.
func (c *canaryPods) standout(spread *dispersion) string {
	name := c.scapegoat(1)
	if name == "" {
		return ""
	}
	pod := c.Pods[slices.IndexFunc(c.Pods, func(p podTotals) bool { return p.Name == name })]
	expected := pod.Total * c.usual()
	if pod.Away > 0 || pod.Bad-expected < leastExcess || surprise(pod.Bad, expected)/spread.factor(expected, false) < standoutEvidence {
		return ""
	}
	return name
}

// gone says whether a pod has not been there for some observations.
func (c *canaryPods) gone(name string) bool {
	for _, p := range c.Pods {
		if p.Name == name {
			return p.Away >= 2
		}
	}
	return true
}
