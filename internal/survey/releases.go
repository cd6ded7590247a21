package survey

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

// Standing is where a release stands.
type Standing struct {
	runner.Release
	State  rollout.State
	Err    error          // why the state cannot be read
	Worker *report.Worker // who works on it; nil where that is not known
}

// Releases lists the releases of a namespace, or with "" of all, as the cluster
// remembers them; with a name, only that one.
func Releases(ctx context.Context, cluster *kube.Cluster, namespace, name string) ([]Standing, error) {
	objects, err := cluster.List(ctx, kube.Ref{Kind: "ConfigMap", Namespace: namespace}, selectRelease(name))
	if err != nil {
		return nil, err
	}
	releases := releasesOf(slices.Values(objects))
	return releases, workers(ctx, cluster, namespace, name, releases)
}

// workers finds out who works on releases, by their locks. Where those may not be read,
// nobody is named.
func workers(ctx context.Context, cluster *kube.Cluster, namespace, name string, releases []Standing) error {
	leases, err := cluster.List(ctx, leasesIn(namespace), selectRelease(name))
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
		name, _ := labels[rollout.ReleaseLabel].(string)
		if state, err := kube.LockStateOf(lease); err == nil && meta["name"] == rollout.RecordName(name) {
			held[runner.Release{Namespace: rollout.IDOf(lease).Namespace, Name: name}] = state
		}
	}
	return held
}

// name names who works on releases at a time, and says whether that is another than
// was named before.
func (l locks) name(releases []Standing, now time.Time) (changed bool) {
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

// lookAgain is how often it is looked whether whoever works on a release goes on.
const lookAgain = 10 * time.Second

// WatchReleases calls see with the releases at once and after every change, until
// the context ends. That somebody who worked on one was killed is a change, too.
func WatchReleases(ctx context.Context, cluster *kube.Cluster, namespace, name string, see func([]Standing) (enough bool, err error)) error {
	ctx, stop := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop(nil)
	var mu sync.Mutex
	var held locks
	var releases []Standing
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
		_ = cluster.WatchAll(ctx, leasesIn(namespace), selectRelease(name), func(leases map[string]map[string]any) (bool, error) {
			mu.Lock()
			held = locksOf(maps.Values(leases))
			mu.Unlock()
			again()
			return false, nil
		})
	})
	watching.Go(func() {
		for kube.Pause(ctx, lookAgain) == nil {
			again()
		}
	})
	kind := kube.Ref{Kind: "ConfigMap", Namespace: namespace}
	return cluster.WatchAll(ctx, kind, selectRelease(name), func(objects map[string]map[string]any) (bool, error) {
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
func WatchPods(ctx context.Context, cluster *kube.Cluster, id manifest.ID, see func(pods report.Pods, there bool) error) error {
	return cluster.Watch(ctx, kube.Ref(id), func(object map[string]any) (bool, error) {
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
		return rollout.ReleaseLabel
	}
	return rollout.ReleaseLabel + "=" + name
}

// remembers says whether a ConfigMap is the memory of a release, and not a part of its
// canary, which has the same label.
func remembers(configMap map[string]any) bool {
	meta, _ := configMap["metadata"].(map[string]any)
	labels, _ := meta["labels"].(map[string]any)
	name, _ := labels[rollout.ReleaseLabel].(string)
	return name != "" && meta["name"] == rollout.RecordName(name)
}

func standingOf(configMap map[string]any) Standing {
	id := rollout.IDOf(configMap)
	meta, _ := configMap["metadata"].(map[string]any)
	labels, _ := meta["labels"].(map[string]any)
	name, _ := labels[rollout.ReleaseLabel].(string)
	r := Standing{Release: runner.Release{Namespace: id.Namespace, Name: name}}
	r.State, r.Err = stateOf(configMap)
	return r
}

// releasesOf are the releases that ConfigMaps remember, by namespace and name.
func releasesOf(configMaps iter.Seq[map[string]any]) []Standing {
	releases := []Standing{}
	for o := range configMaps {
		if remembers(o) {
			releases = append(releases, standingOf(o))
		}
	}
	slices.SortFunc(releases, func(a, b Standing) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return releases
}

// stateOf reads the memory of a release from a ConfigMap as a list gives it.
func stateOf(object map[string]any) (rollout.State, error) {
	r, err := kube.RecordOf(object)
	if err != nil {
		return rollout.State{}, err
	}
	return rollout.ParseState([]byte(r.Data[rollout.StateKey]))
}
