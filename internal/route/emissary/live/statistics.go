package live

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/emissary"
	"github.com/canarize/canarize/internal/metric/exposition"
	"github.com/canarize/canarize/internal/metric/scrape"
)

// Statistics reads what the gateway's Envoys count for some clusters. All open
// Statistics share the page of a pod. The caller closes it.
type Statistics struct {
	gateways *Gateways
	followed *kube.Pods
	clusters []string
	close    func()
}

// statisticsEvery is how often the page of a pod is read for several releases.
const statisticsEvery = time.Second

// statisticsLimit limits the page of a pod that several releases share: 10,000
// clusters.
const statisticsLimit = 64 << 20

// Statistics returns Statistics for clusters of every gateway pod.
func (g *Gateways) Statistics(clusters []string) *Statistics {
	g.wanted.change(clusters, 1)
	return &Statistics{
		gateways: g, followed: g.Pods(), clusters: clusters,
		close: sync.OnceFunc(func() { g.wanted.change(clusters, -1) }),
	}
}

// wanted holds the clusters whose statistics are read.
type wanted struct {
	mu       sync.Mutex
	releases int
	left     time.Time      // when the last one ended
	clusters map[string]int // number of users by cluster
}

func (w *wanted) change(clusters []string, by int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.releases += by; by < 0 {
		w.left = time.Now()
	}
	for _, name := range clusters {
		if w.clusters[name] += by; w.clusters[name] == 0 {
			delete(w.clusters, name)
		}
	}
}

func (w *wanted) path() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return emissary.Path(slices.Sorted(maps.Keys(w.clusters)))
}

// spacing returns the time between the begins of two readings of a page. A single user
// has its own rhythm, unless many users come one after the other. A user whose context ends soon must not wait for half of its
// time.
func (w *wanted) spacing(ctx context.Context) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.releases < 2 && time.Since(w.left) >= statisticsEvery {
		return 0
	}
	if deadline, has := ctx.Deadline(); has {
		return min(statisticsEvery, time.Until(deadline)/2)
	}
	return statisticsEvery
}

// readStatistics reads the page of a pod for all wanted clusters.
func (g *Gateways) readStatistics(ctx context.Context, pod podID) (statisticsPage, error) {
	text, err := g.Page(ctx, kube.Pod{Namespace: pod.namespace, Name: pod.name, UID: pod.uid}, g.wanted.path(), exposition.Accept, statisticsLimit)
	if err == nil && len(text) > statisticsLimit {
		err = fmt.Errorf("its statistics exceed the limit of %d MiB", statisticsLimit>>20)
	}
	if err != nil {
		return nil, err
	}
	return splitStatistics(text), nil
}

// statisticsPage has the lines of a page by their cluster; "" for lines without one.
type statisticsPage map[string][][]byte

func splitStatistics(text []byte) statisticsPage {
	page := statisticsPage{}
	label := []byte(`envoy_cluster_name="`)
	for line := range bytes.Lines(text) {
		if line[0] == '#' { // a comment
			continue
		}
		name := ""
		if _, rest, found := bytes.Cut(line, label); found {
			value, _, _ := bytes.Cut(rest, []byte(`"`))
			name = string(value)
		}
		page[name] = append(page[name], bytes.TrimSuffix(line, []byte("\n")))
	}
	return page
}

// of returns the lines for some clusters.
func (p statisticsPage) of(clusters []string) []byte {
	var out []byte
	for _, name := range slices.Concat([]string{""}, clusters) {
		for _, line := range p[name] {
			out = append(append(out, line...), '\n')
		}
	}
	return out
}

// Pods implements scrape.Cluster.
func (s *Statistics) Pods(ctx context.Context) ([]scrape.Pod, error) {
	running, err := s.followed.Running(ctx)
	all := make([]scrape.Pod, len(running))
	for i, p := range running {
		all[i] = scrape.Pod{Namespace: p.Namespace, Name: p.Name, UID: p.UID, Restarts: p.Restarts, Ready: p.Ready, Arms: metric.Arms()}
	}
	return all, err
}

// Page implements scrape.Cluster.
func (s *Statistics) Page(ctx context.Context, p scrape.Pod) ([]byte, error) {
	page, err := s.gateways.statistics.get(ctx, podID{p.Namespace, p.Name, p.UID}, s.gateways.wanted.spacing(ctx))
	if err != nil {
		return nil, err
	}
	return page.of(s.clusters), nil
}

// Close stops following the pods.
func (s *Statistics) Close() {
	s.close()
	s.followed.Close()
}
