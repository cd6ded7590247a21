//go:build e2e

package e2e

import (
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/canarize/canarize/test/e2e/site"
)

// answers counts the answers that clients got: good ones by version, failures by status or
// error. It distinguishes at most mostKinds kinds of failures.
type answers struct {
	versions    map[string]int
	failed      map[string]int
	total       int
	first, last time.Time            // of the failures
	came        map[string]time.Time // the last answer of each version, good or bad
}

const mostKinds = 10 // errors contain ports, so there could be thousands

func newAnswers() answers {
	return answers{versions: map[string]int{}, failed: map[string]int{}, came: map[string]time.Time{}}
}

func (a *answers) add(r *vegeta.Result) {
	a.total++
	if version := r.Headers.Get("X-Version"); version != "" && r.End().After(a.came[version]) {
		a.came[version] = r.End()
	}
	if r.Error == "" && r.Code == http.StatusOK {
		a.versions[r.Headers.Get("X-Version")]++
		return
	}
	if a.last = r.Timestamp; a.first.IsZero() {
		a.first = r.Timestamp
	}
	kind := fmt.Sprintf("%.120s; %.80s", r.Error, r.Body)
	if _, known := a.failed[kind]; !known && len(a.failed) >= mostKinds {
		kind = "of other kinds"
	}
	a.failed[kind]++
}

// requests sends n requests as fast as the gateway answers, for at most two minutes.
func requests(t *testing.T, url string, header http.Header, n int) answers {
	t.Helper()
	targets := make(chan struct{}, n)
	for range n {
		targets <- struct{}{}
	}
	close(targets)
	targeter := func(target *vegeta.Target) error {
		if _, more := <-targets; !more {
			return vegeta.ErrNoTargets
		}
		target.Method, target.URL, target.Header = http.MethodGet, url, header
		return nil
	}
	const clients = 8
	attacker := vegeta.NewAttacker(vegeta.Workers(clients), vegeta.MaxWorkers(clients), vegeta.Timeout(10*time.Second))
	out := newAnswers()
	for r := range attacker.Attack(targeter, vegeta.ConstantPacer{}, 2*time.Minute, "") {
		if r.Error != vegeta.ErrNoTargets.Error() {
			out.add(r)
		}
	}
	if out.total != n {
		t.Fatalf("%d requests were made instead of %d: %v", out.total, n, out.failed)
	}
	return out
}

// stream sends rate requests a second until stop is called, which returns the answers.
func stream(url string, rate int) (stop func() answers) {
	attacker := vegeta.NewAttacker(vegeta.Timeout(10 * time.Second))
	target := vegeta.NewStaticTargeter(vegeta.Target{Method: http.MethodGet, URL: url})
	results := attacker.Attack(target, vegeta.ConstantPacer{Freq: rate, Per: time.Second}, 0, "")
	done := make(chan answers, 1)
	go func() {
		out := newAnswers()
		for r := range results {
			out.add(r)
		}
		done <- out
	}()
	return func() answers {
		attacker.Stop()
		return <-done
	}
}

// awaitSteady waits until the gateway has answered for three seconds, because kube-proxy
// and Envoy use new endpoints up to a second after Kubernetes calls their pods ready.
func awaitSteady(s *site.Site) {
	s.Await("three seconds of answers", func() bool {
		stop := stream(s.Gateway, 100)
		time.Sleep(3 * time.Second)
		return len(stop().failed) == 0
	})
}

// interval returns the central 99.9 % interval of the exact binomial distribution of n
// draws with probability p, with at most 0.05 % cut off at each end.
func interval(n int, p float64) (low, high int) {
	if p <= 0 {
		return 0, 0
	}
	if p >= 1 {
		return n, n
	}
	const tail = 0.0005
	logChoose := func(k int) float64 {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(k + 1))
		c, _ := math.Lgamma(float64(n - k + 1))
		return a - b - c
	}
	chance := func(k int) float64 {
		return math.Exp(logChoose(k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
	}
	for sum := chance(0); sum < tail; sum += chance(low) {
		low++
	}
	high = n
	for sum := chance(n); sum < tail; sum += chance(high) {
		high--
	}
	return low, high
}

func TestInterval(t *testing.T) {
	for _, c := range []struct {
		n         int
		p         float64
		low, high int
	}{
		// Values of scipy.stats.binom.ppf at 0.0005 and 0.9995.
		{20000, 0, 0, 0}, {20000, 1, 20000, 20000}, {20000, 0.5, 9767, 10233}, {20000, 0.01, 155, 248}, {10, 0.5, 0, 10},
	} {
		if low, high := interval(c.n, c.p); low != c.low || high != c.high {
			t.Errorf("%d at %v: %d to %d, expected %d to %d", c.n, c.p, low, high, c.low, c.high)
		}
	}
}
