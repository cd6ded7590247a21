package scrape_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/exposition"
	"github.com/canarize/canarize/internal/metric/scrape"
)

// cluster is a cluster whose pods all have the same page.
type cluster struct {
	pods int
	page []byte
}

func (c cluster) Pods(context.Context) ([]scrape.Pod, error) {
	all := make([]scrape.Pod, c.pods)
	for i := range all {
		all[i] = scrape.Pod{Namespace: "eu", Name: fmt.Sprint("shop-", i), Ready: true, Arms: metric.Arms()}
	}
	return all, nil
}

func (c cluster) Page(context.Context, scrape.Pod) ([]byte, error) { return c.page, nil }

// read counts the samples that were parsed.
func read(t *testing.T, c cluster) (r metric.Reading, looked int64) {
	t.Helper()
	var n atomic.Int64
	r, err := scrape.Read(t.Context(), c, time.Now(), func(_ scrape.Pod, page scrape.Page) (metric.Scrape, error) {
		return metric.Scrape{}, page.Parse(map[string]bool{"all_total": true}, func(exposition.Sample) { n.Add(1) })
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, n.Load()
}

// TestTooMuch checks that pages that are too large or have too many series cost
// a limited amount of work, and that the error says what to do. Before, four
// pages of 30 MiB took 3 GB and twenty seconds.
func TestTooMuch(t *testing.T) {
	var many strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&many, "all_total{user=\"%d\"} 1\n", i)
	}
	r, looked := read(t, cluster{5, []byte(many.String())})
	refused := 0
	for _, target := range r.Targets {
		if target.Err != nil {
			refused++
			if !strings.Contains(target.Err.Error(), "more than 200000 series of the counted metrics, the limit; make the program expose fewer") {
				t.Error(target.Err)
			}
		}
	}
	if looked > metric.MaxValues || refused < 3 {
		t.Errorf("%d samples were looked at, %d pages refused", looked, refused)
	}
	if r, looked = read(t, cluster{1, []byte("all_total 1\nother_total{} 2\n")}); looked != 1 || r.Targets[0].Err != nil {
		t.Errorf("%d samples, error %v", looked, r.Targets[0].Err)
	}
	r, looked = read(t, cluster{1, []byte(strings.Repeat("all_total 1\n", scrape.Limit/12+1))})
	if err := r.Targets[0].Err; looked > 0 || err == nil || !strings.Contains(err.Error(), "larger than 16 MiB, the limit; make the program expose fewer") {
		t.Errorf("%d samples, error %v", looked, err)
	}
}
