package simulate

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/analysis"
)

// EventRatio is how often something happens, in percent of the requests of a version, such as
// responses of class 4xx.
type EventRatio struct {
	Stable float64       `yaml:"stable"`
	Canary float64       `yaml:"canary"`
	After  time.Duration `yaml:"after"` // when the canary begins to differ
	Client Client        `yaml:"client"`
}

// Client sends many requests now and then. The event happens in each of them, whichever version
// it reaches.
type Client struct {
	Every    time.Duration `yaml:"every"` // mean time from the end of its requests to the next ones
	For      time.Duration `yaml:"for"`
	Requests float64       `yaml:"requests"` // per second
}

// client is the client of one kind of events in a run: when it sends, in seconds.
type client struct{ from, to float64 }

func (c client) sends(t float64) bool { return t >= c.from && t < c.to }

// happenings holds the events of a run. Clients have a random stream of their own, so that when
// they send does not depend on anything else.
type happenings struct {
	random  *rand.Rand
	names   []string
	clients []client
	answer  map[string]analysis.Events
}

func newHappenings(s *Scenario, seed, run uint64) happenings {
	h := happenings{random: rand.New(rand.NewPCG(^seed, run)), names: slices.Sorted(maps.Keys(s.Events)), clients: make([]client, len(s.Events))}
	if len(s.Events) > 0 {
		h.answer = map[string]analysis.Events{}
	}
	for i := range h.clients {
		h.clients[i] = client{-s.History.Seconds(), -s.History.Seconds()}
	}
	return h
}

// cutEvents splits the time from a moment on where events begin to happen more or less often.
func (w *world) cutEvents(from float64, cut func(float64)) {
	for i, name := range w.happens.names {
		c, of := &w.happens.clients[i], w.s.Events[name]
		for of.Client.Requests > 0 && c.to <= from { // when it sends next
			c.from = c.to + w.happens.random.ExpFloat64()*of.Client.Every.Seconds()
			c.to = c.from + of.Client.For.Seconds()
		}
		cut(of.After.Seconds())
		cut(c.from)
		cut(c.to)
	}
}

// fromClients returns the mean number of requests by clients with many at a time.
func (w *world) fromClients(t, seconds float64) float64 {
	mean := 0.
	for i, name := range w.happens.names {
		if w.happens.clients[i].sends(t) {
			mean += w.s.Events[name].Client.Requests * seconds
		}
	}
	return mean
}

// happen counts the events in requests of a version: all, and those from clients among them.
func (w *world) happen(v *side, t float64, all int64) {
	for i, name := range w.happens.names {
		of := w.s.Events[name]
		percent := of.Stable
		if v.isCanary && t >= of.After.Seconds() {
			percent = of.Canary
		}
		fraction := percent / 100
		if c := w.happens.clients[i]; c.sends(t) {
			// A request comes from the client with the probability of its part.
			part := of.Client.Requests / max(w.s.rate(t, w.phase)+w.fromClients(t, 1), 1e-9)
			fraction += part * (1 - fraction)
		}
		v.happened[i] += binomial(w.counts, all, fraction)
	}
}

// showEvents returns the events since the last time that a version was shown; it is not
// measured in a gap.
func (w *world) showEvents(canary, stable bool) map[string]analysis.Events {
	for i, name := range w.happens.names {
		w.happens.answer[name] = analysis.Events{Canary: w.canary.showEvent(i, canary), Stable: w.stable.showEvent(i, stable)}
	}
	return w.happens.answer
}

func (v *side) showEvent(i int, measured bool) int64 {
	if !measured {
		return -1
	}
	n := v.happened[i]
	v.happened[i] = 0
	return n
}
