package analysis

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func steadyRelease(pods int) (*Judge, func()) {
	c := Default()
	c.Bake, c.Deadline, c.Beta = 30*86400, 30*86400, 1e-9
	j, err := New(c)
	if err != nil {
		panic(err)
	}
	o := errorsOf(0, 5, 1, 75, 19, 1425)
	if pods > 0 {
		counts := make([]Counts, pods)
		for i := range counts {
			counts[i] = Counts{1, 100}
		}
		o.Metrics["errors"] = Pair{Canary: podsOf(counts...), Stable: podsOf(counts...)}
	}
	o.Gauges = map[string]Gauge{"cpu": {Canary: 1.01, Stable: 1}}
	for range 100 {
		o.Time += 15
		j.Observe(o)
	}
	return j, func() {
		o.Time += .01 // small steps, so that the deadline is never reached
		j.Observe(o)
	}
}

func TestUpdatesDoNotAllocate(t *testing.T) {
	for _, pods := range []int{0, 10} {
		if _, next := steadyRelease(pods); testing.AllocsPerRun(100, next) != 0 {
			t.Errorf("with %d pods an update allocates %v times", pods, testing.AllocsPerRun(100, next))
		}
	}
}

func TestStateIsSmall(t *testing.T) {
	for pods, most := range map[int]int{0: 4 << 10, 10: 8 << 10} {
		j, _ := steadyRelease(pods)
		if n := len(stateOf(t, j)); n > most {
			t.Errorf("the state with %d pods has %d bytes, want at most %d", pods, n, most)
		}
	}
}

// TestMemoryIsBounded observes for weeks while pods and metrics come and go.
func TestMemoryIsBounded(t *testing.T) {
	j := newJudge(t, func(c *Config) { c.Bake, c.Deadline = 30*86400, 30*86400 })
	r := rand.New(rand.NewPCG(1, 1))
	largest, early := 0, 0
	for i := range 100_000 {
		arm := func() *Arm {
			a := &Arm{Pods: map[string]Counts{}}
			for p := range 5 {
				a.Pods[fmt.Sprint("pod-", i/20+p)] = Counts{int64(r.IntN(3)), 100}
			}
			return a
		}
		o := Observation{Time: float64(15*i + 15), Weight: 5, Metrics: map[string]Pair{fmt.Sprint("metric-", i/1000): {Canary: arm(), Stable: arm()}}}
		if d := j.Observe(o); d.Error != "" {
			t.Fatal(d.Error)
		}
		switch {
		case i == 60_000:
			early = len(stateOf(t, j))
		case i > 60_000 && i%10_000 == 0:
			largest = max(largest, len(stateOf(t, j)))
		}
	}
	if largest > early+early/10 {
		t.Errorf("the state grew from %d to %d bytes", early, largest)
	}
}

func BenchmarkUpdate(b *testing.B) {
	for _, pods := range []int{0, 10} {
		b.Run(fmt.Sprintf("pods=%d", pods), func(b *testing.B) {
			_, next := steadyRelease(pods)
			b.ReportAllocs()
			for b.Loop() {
				next()
			}
		})
	}
}
