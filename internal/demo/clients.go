package demo

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// Counts are requests of one version, as the clients saw them.
type Counts struct {
	Requests int `json:"requests"`
	Failed   int `json:"failed"`
	Slow     int `json:"slow"`
}

// Seen counts the answers that the clients got, and says when they got them.
type Seen struct {
	Stable Counts `json:"stable"`
	Canary Counts `json:"canary"`
	// First is when the first answer came, FirstFailed when the canary first failed, and
	// LastCanary when it last answered; zero before.
	First       time.Time `json:"first,omitzero"`
	FirstFailed time.Time `json:"firstFailed,omitzero"`
	LastCanary  time.Time `json:"lastCanary,omitzero"`
}

// clients are the users of the shop.
type clients struct {
	address string
	client  *http.Client

	mu   sync.Mutex
	seen Seen
}

func newClients(address string) *clients {
	return &clients{address: "http://" + address + "/", client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}, Timeout: 5 * time.Second}}
}

// atOnce is how many users wait for an answer at the same time at most. On a busy machine
// the others come later.
const atOnce = 64

// run sends so many requests a second until ctx ends, and waits for their answers.
func (c *clients) run(ctx context.Context, perSecond float64) {
	var asking sync.WaitGroup
	defer asking.Wait()
	began, sent := time.Now(), 0
	free := make(chan struct{}, atOnce)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		due := int(time.Since(began).Seconds() * perSecond)
		sent = max(sent, due-int(perSecond)) // a machine that slept makes up for one second
		for ; sent < due; sent++ {
			select {
			case free <- struct{}{}:
			case <-ctx.Done():
				return
			}
			asking.Go(func() { c.ask(context.WithoutCancel(ctx)); <-free })
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// ask orders something.
func (c *clients) ask(ctx context.Context) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address, nil)
	if err != nil {
		return
	}
	began := time.Now()
	answer, err := c.client.Do(request)
	canary, failed := false, err != nil
	if err == nil {
		_, _ = io.Copy(io.Discard, answer.Body) // the code says whether it failed
		_ = answer.Body.Close()
		canary, failed = answer.Header.Get(canaryHeader) != "", answer.StatusCode >= 500
	}
	c.add(canary, failed, time.Now(), time.Since(began) >= slowTime)
}

func (c *clients) add(canary, failed bool, now time.Time, slow bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	to := &c.seen.Stable
	if canary {
		to = &c.seen.Canary
		c.seen.LastCanary = now
		if failed && c.seen.FirstFailed.IsZero() {
			c.seen.FirstFailed = now
		}
	}
	if c.seen.First.IsZero() {
		c.seen.First = now
	}
	to.Requests++
	if failed {
		to.Failed++
	}
	if slow {
		to.Slow++
	}
}

// now returns what the clients have seen so far.
func (c *clients) now() Seen {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen
}
