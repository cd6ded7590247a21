// Package scrape reads the metrics pages of a cluster's pods, several at a
// time, for the metric sources that need them.
package scrape

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/exposition"
)

// Pod is a running pod.
type Pod struct {
	Namespace, Name, UID string
	Restarts             int          // of its containers
	Ready                bool         // gets requests
	Arms                 []metric.Arm // the versions whose requests it counts
}

func (p Pod) String() string { return "Pod " + p.Namespace + "/" + p.Name }

// Cluster lists pods and reads their pages.
type Cluster interface {
	// Pods returns all running pods, including those that are not ready.
	Pods(ctx context.Context) ([]Pod, error)
	// Page returns the metrics page of a pod, at most Limit bytes.
	Page(ctx context.Context, p Pod) ([]byte, error)
}

// Limit is the largest size of a page in bytes. All pages that are read at the
// same time must fit into the memory of a small machine.
const Limit = 16 << 20

// atOnce is the number of pods that are read at the same time.
const atOnce = 8

// ErrNothing reports that a page contains no metric at all.
var ErrNothing = errors.New("its metrics page is empty")

// Page is the metrics page of a pod.
type Page struct {
	text []byte
	left *atomic.Int64 // the number of samples that all pages together may still have
}

// Read reads all pods. read turns a page into counters; several goroutines call
// it at once. A pod that cannot be read becomes a target with an error.
func Read(ctx context.Context, c Cluster, now time.Time, read func(Pod, Page) (metric.Scrape, error)) (metric.Reading, error) {
	pods, err := c.Pods(ctx)
	if err != nil {
		return metric.Reading{}, err
	}
	r := metric.Reading{At: now, Complete: true, Targets: make([]metric.Target, len(pods))}
	var left atomic.Int64
	left.Store(metric.MaxValues)
	var reading sync.WaitGroup
	turns := make(chan struct{}, atOnce)
	for i, p := range pods {
		reading.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			r.Targets[i] = one(ctx, c, p, now, func(text []byte) (metric.Scrape, error) { return read(p, Page{text, &left}) })
		})
	}
	reading.Wait()
	return r, nil
}

func one(ctx context.Context, c Cluster, p Pod, now time.Time, read func([]byte) (metric.Scrape, error)) metric.Target {
	target := metric.Target{Name: p.String(), Epoch: fmt.Sprintf("%s/%d", p.UID, p.Restarts), Arms: p.Arms, Optional: !p.Ready}
	page, err := c.Page(ctx, p)
	if err == nil && len(page) > Limit {
		err = fmt.Errorf("its metrics page is larger than %d MiB, the limit; make the program expose fewer series, or name another path or source in spec.metrics", Limit>>20)
	}
	var counters metric.Scrape
	if err == nil {
		counters, err = read(page)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		target.Err = context.Cause(ctx)
	case err != nil:
		target.Err = err
	default:
		counters.Time = now
		target.Scrapes = []metric.Scrape{counters}
	}
	return target
}

// Names returns the names of the series that the queries count.
func Names(queries []metric.Query) map[string]bool {
	names := map[string]bool{}
	for _, q := range queries {
		for _, name := range q.Names() {
			names[name] = true
		}
	}
	return names
}

// errTooMany reports that the pages have too many samples.
var errTooMany = fmt.Errorf("the metrics pages have more than %d series of the counted metrics, the limit; make the program expose fewer, for example no series for each user or path, or name other metrics in spec.metrics", metric.MaxValues)

// HasNatives reports whether the page has a format that can have native
// histograms.
func (p Page) HasNatives() bool { return exposition.IsProtobuf(p.text) }

// Parse calls handle for the samples of a page that have one of the names. It
// fails if the page has no metric at all, or if all pages together have too
// many samples.
func (p Page) Parse(names map[string]bool, handle func(exposition.Sample)) error {
	parse := exposition.Parse
	if p.HasNatives() {
		parse = exposition.ParseProtobuf
	}
	any := false
	err := parse(p.text, func(name string) bool { any = true; return names[name] }, func(s exposition.Sample) error {
		size := 1
		if s.Native != nil {
			size = s.Native.Size()
		}
		if p.left.Add(-int64(size)) < 0 {
			return errTooMany
		}
		handle(s)
		return nil
	})
	if err == nil && !any {
		return ErrNothing
	}
	return err
}
