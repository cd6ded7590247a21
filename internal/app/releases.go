package app

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
)

// Release is where a release stands.
type Release struct {
	runner.Release
	State  rollout.State
	Err    error          // why the state cannot be read
	Worker *report.Worker // who works on it; nil where that is not known
}

// Releases lists the releases of a namespace, or with "" of all, as the cluster
// remembers them; with a name, only that one.
func (e *Engine) Releases(ctx context.Context, namespace, name string) ([]Release, error) {
	objects, err := e.cluster.kube.List(ctx, kube.Ref{Kind: "ConfigMap", Namespace: namespace}, selectRelease(name))
	if err != nil {
		return nil, err
	}
	releases := releasesOf(slices.Values(objects))
	return releases, e.workers(ctx, namespace, name, releases)
}

// workers finds out who works on releases, by their locks. Where those may not be read,
// nobody is named.
func (e *Engine) workers(ctx context.Context, namespace, name string, releases []Release) error {
	leases, err := e.cluster.kube.List(ctx, leasesIn(namespace), selectRelease(name))
	switch {
	case kube.IsForbidden(err):
		return nil
	case err != nil:
		return err
	}
	locksOf(slices.Values(leases)).name(releases, time.Now())
	return nil
}

func leasesIn(namespace string) kube.Ref {
	return kube.Ref{Group: "coordination.k8s.io", Kind: "Lease", Namespace: namespace}
}

// locks are those of releases; nil where they are not known.
type locks map[runner.Release]kube.LockState

func locksOf(leases iter.Seq[map[string]any]) locks {
	held := locks{}
	for lease := range leases {
		meta, _ := lease["metadata"].(map[string]any)
		labels, _ := meta["labels"].(map[string]any)
		name, _ := labels[releaseLabel].(string)
		if state, err := kube.LockStateOf(lease); err == nil && meta["name"] == recordName(name) {
			held[runner.Release{Namespace: rollout.IDOf(lease).Namespace, Name: name}] = state
		}
	}
	return held
}

// name names who works on releases at a time, and says whether that is another than
// was named before.
func (l locks) name(releases []Release, now time.Time) (changed bool) {
	if l == nil {
		return false
	}
	for i, r := range releases {
		state := l[r.Release]
		worker := report.Worker{Holder: state.Holder, Renewed: state.Renewed, Alive: state.Alive(now)}
		before := r.Worker
		changed = changed || before == nil || before.Holder != worker.Holder || before.Alive != worker.Alive
		releases[i].Worker = &worker
	}
	return changed
}

// WatchReleases calls see with the releases at once and after every change, until
// the context ends. That somebody who worked on one was killed is a change, too.
func (e *Engine) WatchReleases(ctx context.Context, namespace, name string, see func([]Release) (enough bool, err error)) error {
	ctx, stop := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop(nil)
	var mu sync.Mutex
	var held locks
	var releases []Release
	again := func() {
		mu.Lock()
		defer mu.Unlock()
		if !held.name(releases, time.Now()) {
			return
		}
		if _, err := see(releases); err != nil {
			stop(err)
		}
	}
	watching.Go(func() { // where the locks may not be read the releases are shown without
		_ = e.cluster.kube.WatchAll(ctx, leasesIn(namespace), selectRelease(name), func(leases map[string]map[string]any) (bool, error) {
			mu.Lock()
			held = locksOf(maps.Values(leases))
			mu.Unlock()
			again()
			return false, nil
		})
	})
	watching.Go(func() {
		for pause(kube.DryRunNone)(ctx, lockTime/3) == nil {
			again()
		}
	})
	kind := kube.Ref{Kind: "ConfigMap", Namespace: namespace}
	return e.cluster.kube.WatchAll(ctx, kind, selectRelease(name), func(objects map[string]map[string]any) (bool, error) {
		mu.Lock()
		defer mu.Unlock()
		releases = releasesOf(maps.Values(objects))
		held.name(releases, time.Now())
		return see(releases)
	})
}

// HasPods says whether an object is a workload whose pods can be counted.
func HasPods(id manifest.ID) bool {
	return slices.Contains([]string{"Deployment", "StatefulSet"}, id.Kind)
}

// WatchPods calls see with the pods of a workload at once and after every change, until
// the context ends or see gives an error.
func (e *Engine) WatchPods(ctx context.Context, id manifest.ID, see func(pods report.Pods, there bool) error) error {
	return e.cluster.kube.Watch(ctx, kube.Ref(id), func(object map[string]any) (bool, error) {
		wanted, given, _ := unstructured.NestedInt64(object, "spec", "replicas")
		if !given {
			wanted = 1
		}
		ready, _, _ := unstructured.NestedInt64(object, "status", "readyReplicas")
		return false, see(report.Pods{Ready: int(ready), Wanted: int(wanted)}, object != nil)
	})
}

func selectRelease(name string) string {
	if name == "" {
		return releaseLabel
	}
	return releaseLabel + "=" + name
}

// remembers says whether a ConfigMap is the memory of a release, and not a part of its
// canary, which has the same label.
func remembers(configMap map[string]any) bool {
	meta, _ := configMap["metadata"].(map[string]any)
	labels, _ := meta["labels"].(map[string]any)
	name, _ := labels[releaseLabel].(string)
	return name != "" && meta["name"] == recordName(name)
}

func releaseOf(configMap map[string]any) Release {
	id := rollout.IDOf(configMap)
	meta, _ := configMap["metadata"].(map[string]any)
	labels, _ := meta["labels"].(map[string]any)
	name, _ := labels[releaseLabel].(string)
	r := Release{Release: runner.Release{Namespace: id.Namespace, Name: name}}
	r.State, r.Err = stateOf(configMap)
	return r
}

// releasesOf are the releases that ConfigMaps remember, by namespace and name.
func releasesOf(configMaps iter.Seq[map[string]any]) []Release {
	releases := []Release{}
	for o := range configMaps {
		if remembers(o) {
			releases = append(releases, releaseOf(o))
		}
	}
	slices.SortFunc(releases, func(a, b Release) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return releases
}
