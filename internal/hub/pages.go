package hub

import (
	"context"
	"fmt"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/scrape"
	"github.com/canarize/canarize/internal/rollout"
)

// PodPages reads the metrics pages of the application's pods.
type PodPages struct {
	pages    *kube.Pages
	page     Page
	followed map[metric.Arm][]*kube.Pods
}

// Page says where the metrics page of a pod is, and which formats are asked for.
type Page struct {
	Port         int
	Path, Accept string
}

// NewPodPages follows the pods of workloads, to read their metrics page. The caller
// closes it.
func NewPodPages(ctx context.Context, cluster *kube.Cluster, workloads []rollout.Workload, page Page) (*PodPages, error) {
	pages, err := cluster.Pages()
	if err != nil {
		return nil, err
	}
	a := &PodPages{pages: pages, page: page, followed: map[metric.Arm][]*kube.Pods{}}
	for _, w := range workloads {
		for arm, id := range map[metric.Arm]manifest.ID{metric.Canary: w.Canary, metric.Stable: w.Stable} {
			followed, err := followPods(ctx, cluster, id)
			if err != nil {
				a.Close()
				return nil, err
			}
			a.followed[arm] = append(a.followed[arm], followed)
		}
	}
	return a, nil
}

func followPods(ctx context.Context, cluster *kube.Cluster, id manifest.ID) (*kube.Pods, error) {
	workload, err := cluster.Get(ctx, kube.Ref(id))
	switch {
	case err != nil:
		return nil, err
	case workload == nil:
		return nil, fmt.Errorf("there are no pods with metrics: %w", &rollout.Refusal{Code: rollout.RefusedGone, Objects: []string{id.String()}})
	}
	selector, err := kube.SelectorOf(workload)
	if err != nil {
		return nil, err
	}
	return cluster.Follow(id.Namespace, selector), nil
}

// Pods implements scrape.Cluster.
func (a *PodPages) Pods(ctx context.Context) ([]scrape.Pod, error) {
	var all []scrape.Pod
	for _, arm := range metric.Arms() {
		for _, followed := range a.followed[arm] {
			running, err := followed.Running(ctx)
			if err != nil {
				return nil, err
			}
			for _, p := range running {
				all = append(all, scrape.Pod{Namespace: p.Namespace, Name: p.Name, UID: p.UID, Restarts: p.Restarts, Ready: p.Ready, Arms: []metric.Arm{arm}})
			}
		}
	}
	return all, nil
}

// Page implements scrape.Cluster.
func (a *PodPages) Page(ctx context.Context, p scrape.Pod) ([]byte, error) {
	return a.pages.Get(ctx, kube.Pod{Namespace: p.Namespace, Name: p.Name}, a.page.Port, a.page.Path, a.page.Accept, scrape.Limit)
}

// Close stops following the pods.
func (a *PodPages) Close() {
	for _, arm := range metric.Arms() {
		for _, followed := range a.followed[arm] {
			followed.Close()
		}
	}
}
