package prometheus

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/metric"
)

// targetLabels are the labels with which Prometheus distinguishes the targets
// that it scrapes, and labels that relabelling often adds.
var targetLabels = [...]string{"cluster", "namespace", "job", "instance", "pod", "container"}

// collection groups samples by target and time.
type collection struct {
	queries  []metric.Query
	podLabel string
	names    map[string]string // by their lower-case form; nil if case matters
	check    *metric.SelectorCheck
	byName   map[string]*scraped
	answers  int
	found    map[int]bool // queries with series
}

// scraped holds the samples of one target.
type scraped struct {
	arms   []metric.Arm
	at     map[time.Time]*metric.Scrape
	newest map[int]time.Time // by answer
}

func newCollection(o Options) *collection {
	c := &collection{podLabel: o.PodLabel, byName: map[string]*scraped{}, found: map[int]bool{}}
	queries := o.Queries
	if o.IgnoreCase {
		queries = slices.Clone(queries)
		for i, q := range queries {
			queries[i].Bad, queries[i].Total = q.Bad.IgnoreCase(), q.Total.IgnoreCase()
			queries[i].Buckets, queries[i].Histogram = q.Buckets.IgnoreCase(), q.Histogram.IgnoreCase()
		}
		c.names = spellings(queries, o.PodLabel)
	}
	c.queries, c.check = queries, metric.NewSelectorCheck(queries)
	return c
}

// spellings returns the names that queries use, by their lower-case form.
func spellings(queries []metric.Query, podLabel string) map[string]string {
	all := append([]string{"le", podLabel}, targetLabels[:]...)
	for _, q := range queries {
		if q.By != "" {
			all = append(all, q.By)
		}
		for _, s := range []metric.Selector{q.Bad, q.Total, q.Buckets, q.Histogram} {
			all = append(all, s.Name)
			for _, m := range s.Matchers {
				all = append(all, m.Label)
			}
		}
	}
	names := map[string]string{}
	for _, name := range all {
		names[strings.ToLower(name)] = name
	}
	return names
}

// spelled returns a series with the spelling of the queries.
func (c *collection) spelled(name string, labels map[string]string) (string, map[string]string) {
	if c.names == nil {
		return name, labels
	}
	spell := func(name string) string {
		if asked, known := c.names[strings.ToLower(name)]; known {
			return asked
		}
		return name
	}
	all := make(map[string]string, len(labels))
	for label, value := range labels {
		all[spell(label)] = value
	}
	return spell(name), all
}

// add adds one answer to the i-th query.
func (c *collection) add(i int, arm metric.Arm, result []series) error {
	c.answers++
	for _, s := range result {
		name := s.Metric["__name__"]
		delete(s.Metric, "__name__")
		name, labels := c.spelled(name, s.Metric)
		c.check.Add(name, labels)
		q := c.queries[i]
		if err := wrongKind(q, name, s); err != nil {
			return err
		}
		values, err := q.Values(arm, labels[c.podLabel], name, labels, 0)
		if err != nil {
			return err
		}
		for j := range values {
			if c.names != nil { // the case of values does not matter either
				values[j].By = strings.ToLower(values[j].By)
			}
		}
		natives, err := c.natives(q, arm, name, labels, s)
		if err != nil {
			return err
		}
		if (len(values) == 0 || len(s.Values) == 0) && len(natives) == 0 {
			continue
		}
		c.found[i] = true
		t := c.target(labels)
		if !slices.Contains(t.arms, arm) {
			t.arms = append(t.arms, arm)
		}
		for _, at := range s.Values {
			scrape := t.scrape(at.time, c.answers)
			for _, v := range values {
				v.Count = at.value
				scrape.Values = append(scrape.Values, v)
			}
		}
		for j, n := range natives {
			scrape := t.scrape(s.Histograms[j].time, c.answers)
			scrape.Natives = append(scrape.Natives, n)
		}
	}
	return nil
}

// scrape returns the scrape of a time, which is in an answer.
func (s *scraped) scrape(at time.Time, answer int) *metric.Scrape {
	if at.After(s.newest[answer]) {
		s.newest[answer] = at
	}
	if s.at[at] == nil {
		s.at[at] = &metric.Scrape{Time: at}
	}
	return s.at[at]
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
		t = &scraped{at: map[time.Time]*metric.Scrape{}, newest: map[int]time.Time{}}
		c.byName[name] = t
	}
	return t
}

const (
	usual = time.Minute     // the assumed scrape interval if there is only one scrape
	slack = 2 * time.Second // the tolerated delay of the last of three scrapes
)

// times returns the times of all scrapes.
func (s *scraped) times() []time.Time {
	return slices.SortedFunc(maps.Keys(s.at), time.Time.Compare)
}

// target returns the target with the scrapes of some times.
func (s *scraped) target(name string, times []time.Time) metric.Target {
	target := metric.Target{Name: fmt.Sprintf("target %s", name), Arms: s.arms}
	for _, at := range times {
		target.Scrapes = append(target.Scrapes, *s.at[at])
	}
	return target
}

// settled returns the times of the scrapes that are in all answers, and the
// time between them. A scrape may arrive between two answers; it then counts in
// the next reading.
func (s *scraped) settled() (times []time.Time, apart time.Duration) {
	times = s.times()
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

// targets returns the targets that are still scraped. A target that missed three scrapes
// while others were scraped is gone.
func (c *collection) targets() []metric.Target {
	all := c.scrapes()
	var targets []metric.Target
	for _, name := range slices.Sorted(maps.Keys(c.byName)) {
		t := c.byName[name]
		times, apart := t.settled()
		patience := 3*apart + slack
		if len(times) == 0 || watched(all, times[len(times)-1], patience) > patience {
			continue
		}
		targets = append(targets, t.target(name, times))
	}
	return targets
}

// scrapes returns the times of the scrapes of all targets.
func (c *collection) scrapes() []time.Time {
	times := map[time.Time]bool{}
	for _, t := range c.byName {
		for at := range t.at {
			times[at] = true
		}
	}
	return slices.SortedFunc(maps.Keys(times), time.Time.Compare)
}

// watched returns for how long there were scrapes after a time, so that a target without one
// missed them. A longer silence does not count: then Prometheus itself was away, and the
// next scrape of the target may be due later than that of others.
func watched(scrapes []time.Time, after time.Time, silence time.Duration) (d time.Duration) {
	for _, at := range scrapes {
		if !at.After(after) {
			continue
		}
		if gap := at.Sub(after); gap <= silence {
			d += gap
		}
		after = at
	}
	return d
}
