package kube

import (
	"fmt"
	"regexp"
	"sync"
	"time"
)

// Delay reports that a call waits for the API server.
type Delay struct {
	// Host is the address of the API server.
	Host string
	// Request names the request, for example GET ConfigMap shop/canarize-shop.
	Request string
	// For is how long the call has waited so far, over all its attempts.
	For time.Duration
	// Reason is why the last attempt failed, or what the call waits for if none has
	// failed.
	Reason error
}

// String returns a line for users.
func (d Delay) String() string {
	return fmt.Sprintf("waiting for the API server %s: %s, for %d s: %v", d.Host, d.Request, int(d.For.Round(time.Second)/time.Second), d.Reason)
}

// When a wait is reported: first after delayFirst, then every delayEvery.
const (
	delayFirst = 3 * time.Second
	delayEvery = 30 * time.Second
)

// delays reports the calls of a cluster that wait. During an outage many calls wait for
// the same reason, which is reported once in delayEvery.
type delays struct {
	host   string
	report func(Delay)

	mu        sync.Mutex
	waiting   map[*delayed]bool    // the calls that have no answer yet
	reported  map[string]time.Time // when each reason was last reported
	reporting bool                 // report is being called; it may be slow
}

// delayed is a call that may have to wait.
type delayed struct {
	*delays
	what  operation
	began time.Time

	// The mutex of delays guards these.
	timer  *time.Timer
	reason error
	plugin string // the credential plugin that has not answered yet
	ended  bool
}

func (d *delays) begin(what operation) *delayed {
	w := &delayed{delays: d, what: what, began: time.Now()}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting[w] = true
	if d.report != nil {
		w.timer = time.AfterFunc(delayFirst, w.reportWait)
	}
	return w
}

func (w *delayed) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	delete(w.waiting, w)
	if w.timer != nil {
		w.timer.Stop()
	}
}

// failed records why an attempt failed. A new reason is reported at once.
func (w *delayed) failed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reason = reasonOf(err)
	w.reportSoon()
}

// Waits returns the call that has waited longest for the API server; false if no call has
// waited so long that it is reported.
func (c *Cluster) Waits() (Delay, bool) {
	d := c.delays
	d.mu.Lock()
	defer d.mu.Unlock()
	var longest *delayed
	for w := range d.waiting {
		if longest == nil || w.began.Before(longest.began) {
			longest = w
		}
	}
	if longest == nil || time.Since(longest.began) < delayFirst {
		return Delay{}, false
	}
	return longest.now(), true
}

// now describes the wait so far. The caller holds the mutex.
func (w *delayed) now() Delay {
	return Delay{Host: w.host, Request: w.what.String(), For: time.Since(w.began), Reason: w.why()}
}

// waitsFor records which credential plugin has to answer first; "" means none.
func (w *delayed) waitsFor(plugin string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.plugin = plugin
}

// reportSoon reports the reason at once, unless it was reported recently. The caller
// holds the mutex.
func (w *delayed) reportSoon() {
	if w.timer == nil || w.ended || time.Since(w.began) < delayFirst {
		return
	}
	if last, known := w.reported[reasonKey(w.why())]; !known || time.Since(last) >= delayEvery {
		w.timer.Reset(0)
	}
}

// reportWait reports the wait. It runs in its own goroutine, so a slow report blocks no
// call; it only misses lines.
func (w *delayed) reportWait() {
	w.mu.Lock()
	now, wait := time.Now(), w.now()
	key := reasonKey(wait.Reason)
	last, known := w.reported[key]
	switch {
	case w.ended:
		w.mu.Unlock()
		return
	case known && now.Sub(last) < delayEvery:
		w.timer.Reset(delayEvery - now.Sub(last))
		w.mu.Unlock()
		return
	case w.reporting:
		w.timer.Reset(time.Second)
		w.mu.Unlock()
		return
	}
	for old, when := range w.reported {
		if now.Sub(when) >= delayEvery {
			delete(w.reported, old)
		}
	}
	w.reported[key], w.reporting = now, true
	w.timer.Reset(delayEvery)
	w.mu.Unlock()
	w.report(wait)
	w.mu.Lock()
	w.reporting = false
	w.mu.Unlock()
}

// why returns the reason of the wait. The caller holds the mutex.
func (w *delayed) why() error {
	switch {
	case w.plugin != "":
		return fmt.Errorf("the credential plugin %s has not answered yet", w.plugin)
	case w.reason != nil:
		return w.reason
	}
	return errNoAnswer
}

var errNoAnswer = fmt.Errorf("no answer yet")

// numbers matches what differs between errors of the same reason: ports, times,
// versions.
var numbers = regexp.MustCompile(`\d+`)

func reasonKey(reason error) string { return numbers.ReplaceAllString(reason.Error(), "#") }
