package live

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/metric/emissary"
	"github.com/canarize/canarize/internal/metric/exposition"
	"github.com/canarize/canarize/internal/rollout"
)

// Subject is a Mapping whose requests are observed.
type Subject struct {
	Want
	Stats string // the name under which Envoy counts its requests
	Group int    // subjects of one group share the same requests
}

// Observed is what the gateway does with the requests of a Subject.
type Observed struct {
	// Taken is the share that the gateway pods give the Mapping. Behind counts the pods
	// that give another share than the wanted one.
	Taken rollout.Taken
	// Seen counts the requests of the Mapping (as Canary) and of its group during the
	// observation. It is nil if Envoy counts the Mapping together with one of another
	// group.
	Seen *rollout.Seen
}

// Observe reads what all ready gateway pods do with the requests of some Mappings, and
// counts the requests for a time. It fails if one of the pods cannot be read.
func (g *Gateways) Observe(ctx context.Context, subjects []Subject, during time.Duration) ([]Observed, error) {
	there, err := g.There(ctx)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, errors.New("there is no pod of the gateway")
	}
	followed := g.Pods()
	defer followed.Close()
	running, err := followed.Running(ctx)
	if err != nil {
		return nil, err
	}
	path := emissary.Path(statsOf(subjects))
	var all []podReading
	for _, p := range running {
		if p.Ready {
			all = append(all, podReading{pod: p})
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no pod of the gateway is ready")
	}
	var reading sync.WaitGroup
	for i := range all {
		reading.Go(func() { all[i].read(ctx, g, path, during) })
	}
	reading.Wait()
	for _, r := range all {
		if r.err != nil {
			return nil, r.err
		}
	}
	return observed(subjects, all), nil
}

// statsOf returns the names of the statistics, each once.
func statsOf(subjects []Subject) (names []string) {
	known := map[string]bool{}
	for _, s := range subjects {
		if !known[s.Stats] {
			known[s.Stats] = true
			names = append(names, s.Stats)
		}
	}
	return names
}

// podReading is what one pod does.
type podReading struct {
	pod    kube.Pod
	view   pageView
	counts map[string]float64 // requests meanwhile, by the name of the statistics
	err    error
}

func (r *podReading) read(ctx context.Context, g *Gateways, path string, during time.Duration) {
	if r.view, r.err = g.view(ctx, idOf(r.pod), routesPage); r.err != nil {
		return
	}
	before, err := g.requests(ctx, r.pod, path)
	if err == nil {
		err = kube.Pause(ctx, during)
	}
	if err == nil {
		r.counts, err = g.requests(ctx, r.pod, path)
	}
	for name := range r.counts {
		r.counts[name] = max(r.counts[name]-before[name], 0)
	}
	r.err = err
}

// requests returns the number of requests by the name of the statistics.
func (g *Gateways) requests(ctx context.Context, pod kube.Pod, path string) (map[string]float64, error) {
	text, err := g.Page(ctx, pod, path, exposition.Accept, statisticsLimit)
	if err != nil {
		return nil, err
	}
	counts := map[string]float64{}
	for name, lines := range splitStatistics(text) {
		for _, line := range lines {
			if !bytes.HasPrefix(line, []byte("envoy_cluster_upstream_rq_xx{")) {
				continue
			}
			if n, err := strconv.ParseFloat(string(line[bytes.LastIndexByte(line, ' ')+1:]), 64); err == nil && !math.IsInf(n, 0) && !math.IsNaN(n) {
				counts[name] += n
			}
		}
	}
	return counts, nil
}

// observed combines the readings of all pods.
func observed(subjects []Subject, pods []podReading) []Observed {
	counts := map[string]float64{}
	for _, p := range pods {
		for name, n := range p.counts {
			counts[name] += n
		}
	}
	groups := map[string]int{} // the group of each name; -1 if it has several
	all := map[int]float64{}
	for _, s := range subjects {
		if in, known := groups[s.Stats]; known && in != s.Group {
			groups[s.Stats] = -1
		} else if !known {
			groups[s.Stats] = s.Group
			all[s.Group] += counts[s.Stats]
		}
	}
	out := make([]Observed, len(subjects))
	for i, s := range subjects {
		out[i].Taken = takenBy(s.Want, pods)
		if alone(subjects, groups, s.Group) {
			out[i].Seen = &rollout.Seen{Canary: int64(counts[s.Stats]), All: int64(all[s.Group])}
		}
	}
	return out
}

// alone reports whether Envoy counts the requests of every Mapping of a group apart from
// those of other groups.
func alone(subjects []Subject, groups map[string]int, group int) bool {
	for _, s := range subjects {
		if s.Group == group && groups[s.Stats] != group {
			return false
		}
	}
	return true
}

// takenBy returns the share that the pods give a Mapping.
func takenBy(w Want, pods []podReading) rollout.Taken {
	w.Canary = true
	t := rollout.Taken{Least: 100, Pods: len(pods)}
	idle := time.Duration(math.MaxInt64)
	for _, p := range pods {
		least, most := p.view.taken([]Want{w})
		t.Least, t.Most = min(t.Least, least), max(t.Most, most)
		if off(least, w.Share) || off(most, w.Share) {
			t.Behind++
			idle = min(idle, p.view.unchanged())
		}
	}
	if t.Behind > 0 {
		t.Unchanged = idle.Seconds()
	}
	return t
}
