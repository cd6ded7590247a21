package live

import (
	"context"
	"errors"
	"slices"
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

// Observed holds the share of a Subject, and its requests.
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
	ready, err := g.readyPods(ctx)
	if err != nil {
		return nil, err
	}
	if len(ready) == 0 {
		return nil, errors.New("no pod of the gateway is ready")
	}
	path := emissary.Path(statsOf(subjects))
	all := make([]podReading, len(ready))
	var reading sync.WaitGroup
	for i, pod := range ready {
		reading.Go(func() { all[i].read(ctx, g, pod, path, during) })
	}
	reading.Wait()
	for _, r := range all {
		if r.err != nil {
			return nil, r.err
		}
	}
	return observed(subjects, all), nil
}

// readyPods returns the gateway pods that are ready.
func (g *Gateways) readyPods(ctx context.Context) ([]kube.Pod, error) {
	followed := g.Pods()
	defer followed.Close()
	running, err := followed.Running(ctx)
	return slices.DeleteFunc(running, func(p kube.Pod) bool { return !p.Ready }), err
}

// statsOf returns the names of the statistics, each once.
func statsOf(subjects []Subject) []string {
	names := make([]string, len(subjects))
	for i, s := range subjects {
		names[i] = s.Stats
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// podReading holds the routes of one pod, and the requests that it counted.
type podReading struct {
	view   pageView
	counts map[string]float64 // requests meanwhile, by the name of the statistics
	err    error
}

func (r *podReading) read(ctx context.Context, g *Gateways, pod kube.Pod, path string, during time.Duration) {
	if r.view, r.err = g.view(ctx, idOf(pod), routesPage); r.err != nil {
		return
	}
	before, err := g.requests(ctx, pod, path)
	if err == nil {
		err = kube.Pause(ctx, during)
	}
	if err == nil {
		r.counts, err = g.requests(ctx, pod, path)
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
	return emissary.Responses(text)
}

// observed combines the readings of all pods.
func observed(subjects []Subject, pods []podReading) []Observed {
	counts := map[string]float64{}
	for _, p := range pods {
		for name, n := range p.counts {
			counts[name] += n
		}
	}
	groupOf, all, mixed := map[string]int{}, map[int]float64{}, map[int]bool{} // mixed: counted together with another group
	for _, s := range subjects {
		in, known := groupOf[s.Stats]
		switch {
		case !known:
			groupOf[s.Stats] = s.Group
			all[s.Group] += counts[s.Stats]
		case in != s.Group:
			mixed[in], mixed[s.Group] = true, true
		}
	}
	byCluster := make([]map[string]View, len(pods))
	for i, p := range pods {
		byCluster[i] = p.view.byCluster()
	}
	out := make([]Observed, len(subjects))
	for i, s := range subjects {
		s.Canary = true // whose share View.taken returns
		shares := make([]podShare, len(pods))
		for j, p := range pods {
			least, most := byCluster[j][s.Cluster].taken([]Want{s.Want})
			shares[j] = podShare{agrees: !off(least, s.Share) && !off(most, s.Share), known: true, least: least, most: most, unchanged: p.view.unchanged()}
		}
		out[i].Taken = *takenOf(shares)
		if !mixed[s.Group] {
			out[i].Seen = &rollout.Seen{Canary: int64(counts[s.Stats]), All: int64(all[s.Group])}
		}
	}
	return out
}

// byCluster returns views of the groups that have a route to each cluster.
func (v View) byCluster() map[string]View {
	views := map[string]View{}
	for _, g := range v.Groups {
		for i, m := range g.Members {
			if slices.ContainsFunc(g.Members[:i], func(before Member) bool { return before.Cluster == m.Cluster }) {
				continue
			}
			view := views[m.Cluster]
			view.Groups = append(view.Groups, g)
			views[m.Cluster] = view
		}
	}
	return views
}
