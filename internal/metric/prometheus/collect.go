package prometheus

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/metric"
)

// targetLabels are those by which Prometheus tells the programs apart that it
// scrapes, and what those who relabel add.
var targetLabels = [...]string{"cluster", "namespace", "job", "instance", "pod", "container"}

// collection puts samples together by who counted them, and when.
type collection struct {
	doubts  *metric.Doubts
	byName  map[string]*scraped
	answers int
}

// scraped are the samples of one target.
type scraped struct {
	arms   []metric.Arm
	at     map[time.Time][]metric.Value
	newest map[int]time.Time // by answer
}

func newCollection(queries []metric.Query) *collection {
	return &collection{doubts: metric.NewDoubts(queries), byName: map[string]*scraped{}}
}

// add takes in one answer.
func (c *collection) add(q metric.Query, arm metric.Arm, podLabel string, result []series) error {
	c.answers++
	for _, s := range result {
		name, pod := s.Metric["__name__"], s.Metric[podLabel]
		delete(s.Metric, "__name__")
		c.doubts.See(name, s.Metric)
		values, err := q.Values(arm, pod, name, s.Metric, 0)
		if err != nil {
			return err
		}
		if len(values) == 0 || len(s.Values) == 0 {
			continue
		}
		t := c.target(s.Metric)
		if !slices.Contains(t.arms, arm) {
			t.arms = append(t.arms, arm)
		}
		for _, at := range s.Values {
			for _, v := range values {
				v.Count = at.value
				t.at[at.time] = append(t.at[at.time], v)
			}
			if at.time.After(t.newest[c.answers]) {
				t.newest[c.answers] = at.time
			}
		}
	}
	return nil
}

func (c *collection) target(labels map[string]string) *scraped {
	own := map[string]string{}
	for _, label := range targetLabels {
		if value := labels[label]; value != "" {
			own[label] = value
		}
	}
	name := metric.Series("", own)
	t := c.byName[name]
	if t == nil {
		t = &scraped{at: map[time.Time][]metric.Value{}, newest: map[int]time.Time{}}
		c.byName[name] = t
	}
	return t
}

// usual is how far scrapes are apart when there is only one.
const usual = time.Minute

// settled are the times of scrapes that are in all answers, and how far they are
// apart. A scrape may arrive between two answers; it then counts in the next
// reading.
func (s *scraped) settled() (times []time.Time, apart time.Duration) {
	times = slices.SortedFunc(maps.Keys(s.at), time.Time.Compare)
	apart = usual
	for i := 1; i < len(times); i++ {
		apart = min(apart, times[i].Sub(times[i-1]))
	}
	last := times[len(times)-1]
	until := last
	for _, newest := range s.newest {
		if last.Sub(newest) <= apart*3/2 && newest.Before(until) {
			until = newest
		}
	}
	return slices.DeleteFunc(times, func(t time.Time) bool { return t.After(until) }), apart
}

// targets are those that are scraped. One that has missed three scrapes while
// others were scraped is gone.
func (c *collection) targets() []metric.Target {
	var newest time.Time
	for _, t := range c.byName {
		for at := range t.at {
			if at.After(newest) {
				newest = at
			}
		}
	}
	var all []metric.Target
	for _, name := range slices.Sorted(maps.Keys(c.byName)) {
		t := c.byName[name]
		times, apart := t.settled()
		if len(times) == 0 || newest.Sub(times[len(times)-1]) > 3*apart+usual/6 {
			continue
		}
		target := metric.Target{Name: fmt.Sprintf("target %s", name), Arms: t.arms}
		for _, at := range times {
			target.Scrapes = append(target.Scrapes, metric.Scrape{Time: at, Values: t.at[at]})
		}
		all = append(all, target)
	}
	return all
}
