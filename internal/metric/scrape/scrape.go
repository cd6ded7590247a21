// Package scrape reads the pages by which the pods of a cluster show what they have
// counted, some at a time, for the metric sources that do.
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

// Pod is one that runs.
type Pod struct {
	Namespace, Name, UID string
	Restarts             int          // of its containers
	Ready                bool         // it gets requests
	Arms                 []metric.Arm // the versions whose requests it counts
}

func (p Pod) String() string { return "Pod " + p.Namespace + "/" + p.Name }

// Cluster knows pods and their pages.
type Cluster interface {
	// Pods are all that run, those that are not ready included.
	Pods(ctx context.Context) ([]Pod, error)
	// Page is the page of metrics of a pod, at most Limit bytes of it.
	Page(ctx context.Context, p Pod) ([]byte, error)
}

// Limit is how many bytes a page may have. As many pages as are read at the same time
// have to fit into the memory of a small machine.
const Limit = 16 << 20

// atOnce is how many pods are asked at the same time.
const atOnce = 8

// ErrNothing is that a page holds no metric at all.
var ErrNothing = errors.New("its page of metrics is empty")

// Page is a page of metrics of a pod.
type Page struct {
	text []byte
	left *atomic.Int64 // samples that all pages together may still have
}

// Read reads all pods. read makes values of a page; it is called by several
// goroutines at once. A pod that cannot be read is a target with an error.
func Read(ctx context.Context, c Cluster, now time.Time, read func(Pod, Page) ([]metric.Value, error)) (metric.Reading, error) {
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
			r.Targets[i] = one(ctx, c, p, now, func(text []byte) ([]metric.Value, error) { return read(p, Page{text, &left}) })
		})
	}
	reading.Wait()
	return r, nil
}

func one(ctx context.Context, c Cluster, p Pod, now time.Time, read func([]byte) ([]metric.Value, error)) metric.Target {
	target := metric.Target{Name: p.String(), Epoch: fmt.Sprintf("%s/%d", p.UID, p.Restarts), Arms: p.Arms, Optional: !p.Ready}
	page, err := c.Page(ctx, p)
	if err == nil && len(page) > Limit {
		err = fmt.Errorf("its page of metrics has more than %d MiB, the most that is read; have the program show fewer series there, or name another path or source in spec.metrics", Limit>>20)
	}
	var values []metric.Value
	if err == nil {
		values, err = read(page)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		target.Err = context.Cause(ctx)
	case err != nil:
		target.Err = err
	default:
		target.Scrapes = []metric.Scrape{{Time: now, Values: values}}
	}
	return target
}

// Names are those of the series that queries count, to pass over the others.
func Names(queries []metric.Query) map[string]bool {
	names := map[string]bool{}
	for _, q := range queries {
		for _, name := range q.Names() {
			names[name] = true
		}
	}
	return names
}

// errTooMany is that there are more samples than can be counted.
var errTooMany = fmt.Errorf("the pages of metrics have more than %d series of the metrics that are to be counted; have the program show fewer, such as none for every user or path, or name other metrics in spec.metrics", metric.MaxValues)

// Parse calls see with the samples of a page that have one of the names, and fails
// when there is no metric of any name, or too many of them on all pages.
func (p Page) Parse(names map[string]bool, see func(exposition.Sample)) error {
	any := false
	err := exposition.Parse(p.text, func(name string) bool { any = true; return names[name] }, func(s exposition.Sample) error {
		if p.left.Add(-1) < 0 {
			return errTooMany
		}
		see(s)
		return nil
	})
	if err == nil && !any {
		return ErrNothing
	}
	return err
}
