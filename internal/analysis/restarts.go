package analysis

import "fmt"

// Restarts holds how often containers of both versions restarted in an interval, and how many
// pods of each ran.
type Restarts struct {
	Canary, Stable         int64
	CanaryPods, StablePods int64
	Why                    string // how a container of the canary ended last, such as OOMKilled; "" if unknown
}

func (r *Restarts) join(next *Restarts) *Restarts {
	if r == nil || next == nil {
		return either(r, next)
	}
	out := *next
	out.Canary, out.Stable = r.Canary+next.Canary, r.Stable+next.Stable
	if out.Why == "" {
		out.Why = r.Why
	}
	return &out
}

// crashing is the evidence that the canary's containers restart more often than stable's. If
// the version makes no difference, the canary's restarts are binomial given those of both, with
// its share of the pods' time as probability. A node that fails restarts many pods at once, so
// the evidence only holds a release.
type crashing struct {
	More   harm    `json:"more"`
	Canary float64 `json:"canary"` // restarts
	Stable float64 `json:"stable"`
	Why    string  `json:"why,omitempty"`
}

func (c *crashing) observe(r *Restarts, in interval, config Config) {
	if r == nil || r.CanaryPods <= 0 || r.StablePods <= 0 {
		return
	}
	canary, stable := float64(max(r.Canary, 0)), float64(max(r.Stable, 0))
	c.Canary, c.Stable = c.Canary+canary, c.Stable+stable
	if r.Why != "" {
		c.Why = r.Why
	}
	t := table{bad: canary, n: float64(r.CanaryPods), allBad: canary + stable, N: float64(r.CanaryPods + r.StablePods)}
	var means [len(grid)]float64
	t.sharedAtMost(t.share(), grid[:], means[:])
	c.More.add(t, t.share(), c.More.begin(in.braked), noise{fast: 1, vote: 1}, noise{fast: 1, vote: 1}, config, in.seconds, config.Interval, means[:])
}

// leastRestarts is the least number of restarts beyond the expected ones that hold a release.
const leastRestarts = 1.5

func (c *crashing) certain(alpha float64) bool {
	return c.More.value() >= 1/alpha && c.More.Excess >= leastRestarts
}

func (c *crashing) doubted() bool { return c.More.value() >= suspicion }

// looksWorse reports whether the canary restarted so much more often that nobody would call
// it "no sign of harm". It decides nothing.
func (c *crashing) looksWorse() bool { return c.doubted() || c.More.Excess >= leastExcess }

func (c *crashing) reason() string {
	why := ""
	if c.Why != "" {
		why = " (" + c.Why + ")"
	}
	return fmt.Sprintf("Containers of the canary restarted %.0f times%s, those of stable %.0f times; read the logs of their last run.", c.Canary, why, c.Stable)
}
