package kube

import (
	"fmt"
	"regexp"
	"sync"
	"time"
)

// Delay says that a call waits for the API server.
type Delay struct {
	// Host is the API server.
	Host string
	// Doing names the request, such as GET ConfigMap shop/canarize-shop.
	Doing string
	// For is how long the call has waited so far, over all its attempts.
	For time.Duration
	// Reason is why the last attempt failed, or what is waited for when none has.
	Reason error
}

// String is a line for people.
func (d Delay) String() string {
	return fmt.Sprintf("waiting for the API server %s: %s, for %d s: %v", d.Host, d.Doing, int(d.For.Round(time.Second)/time.Second), d.Reason)
}

// When a wait is worth a word: after a while, and then again after longer ones.
const (
	delayFirst = 3 * time.Second
	delayEvery = 30 * time.Second
)

// delays tells of the calls of a cluster that wait. While the API server is away many
// do, for the same reason, which is told once in delayEvery.
type delays struct {
	host string
	tell func(Delay)

	mu      sync.Mutex
	said    map[string]time.Time // when a reason was told last
	telling bool                 // somebody is being told, who may be slow
}

// delayed is a call that may come to wait.
type delayed struct {
	*delays
	what  doing
	began time.Time

	// The mutex of delays guards these.
	timer  *time.Timer
	reason error
	plugin string // the credential plugin that has not answered yet
	ended  bool
}

func (d *delays) begin(what doing) *delayed {
	w := &delayed{delays: d, what: what, began: time.Now()}
	if d.tell != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		w.timer = time.AfterFunc(delayFirst, w.speak)
	}
	return w
}

func (w *delayed) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	if w.timer != nil {
		w.timer.Stop()
	}
}

// failed notes why an attempt failed; a reason that is new is told soon.
func (w *delayed) failed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reason = reasonOf(err)
	w.hurry()
}

// waitsFor notes that a credential plugin has to answer first; "" that it has.
func (w *delayed) waitsFor(plugin string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.plugin = plugin
}

// hurry has a reason that was not told lately be told at once. It needs the mutex.
func (w *delayed) hurry() {
	if w.timer == nil || w.ended || time.Since(w.began) < delayFirst {
		return
	}
	if told, known := w.said[reasonKey(w.why())]; !known || time.Since(told) >= delayEvery {
		w.timer.Reset(0)
	}
}

// speak tells of the wait, from a goroutine that nobody waits for. Whoever is slow to
// listen misses lines.
func (w *delayed) speak() {
	w.mu.Lock()
	now, why := time.Now(), w.why()
	key := reasonKey(why)
	told, known := w.said[key]
	switch {
	case w.ended:
		w.mu.Unlock()
		return
	case known && now.Sub(told) < delayEvery:
		w.timer.Reset(delayEvery - now.Sub(told))
		w.mu.Unlock()
		return
	case w.telling:
		w.timer.Reset(time.Second)
		w.mu.Unlock()
		return
	}
	for old, when := range w.said {
		if now.Sub(when) >= delayEvery {
			delete(w.said, old)
		}
	}
	w.said[key], w.telling = now, true
	w.timer.Reset(delayEvery)
	w.mu.Unlock()
	w.tell(Delay{Host: w.host, Doing: w.what.String(), For: now.Sub(w.began), Reason: why})
	w.mu.Lock()
	w.telling = false
	w.mu.Unlock()
}

// why is the reason of the wait. It needs the mutex.
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

// numbers differ between errors of the same reason: ports, times, versions.
var numbers = regexp.MustCompile(`\d+`)

func reasonKey(reason error) string { return numbers.ReplaceAllString(reason.Error(), "#") }
