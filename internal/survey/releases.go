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
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
)

// Recorded is a release with its recorded state and its worker.
type Recorded struct {
	runner.Release
	State rollout.State
	Err   error // why the state cannot be read
	// History is stored beside the state; see rollout.HistoryOf.
	History []byte
	Worker  *report.Worker // the process that works on it; nil if unknown
	// Version is another one after every change of the record.
	Version string
}

// Releases lists the recorded releases of a namespace, "" meaning all. With a name, it
// lists only that release.
func Releases(ctx context.Context, cluster *kube.Cluster, namespace, name string) ([]Recorded, error) {
	releases, err := Records(ctx, cluster, namespace, name)
	if err != nil {
		return nil, err
	}
	return releases, addWorkers(ctx, cluster, namespace, name, releases)
}

// Records is Releases without the workers. It only lists ConfigMaps.
func Records(ctx context.Context, cluster *kube.Cluster, namespace, name string) ([]Recorded, error) {
	objects, err := cluster.List(ctx, kube.Ref{Kind: "ConfigMap", Namespace: namespace}, selectRelease(name))
	if err != nil {
		return nil, err
	}
	return releasesOf(slices.Values(objects), nil), nil
}

// addWorkers adds the workers of releases, from their locks. If the locks may not be
// read, it adds none.
func addWorkers(ctx context.Context, cluster *kube.Cluster, namespace, name string, releases []Recorded) error {
	leases, err := cluster.List(ctx, leasesIn(namespace), selectRelease(name))
	switch {
	case kube.IsForbidden(err):
		return nil
	case err != nil:
		return err
	}
	locksOf(slices.Values(leases)).setWorkers(releases, time.Now())
	return nil
}

func leasesIn(namespace string) kube.Ref {
	return kube.Ref{Group: "coordination.k8s.io", Kind: "Lease", Namespace: namespace}
}

// locks holds the locks of releases; nil if unknown.
type locks map[runner.Release]kube.LockState

func locksOf(leases iter.Seq[map[string]any]) locks {
	held := locks{}
	for lease := range leases {
		id, name := object.ID(lease), releaseName(lease)
		if state, err := kube.LockStateOf(lease); err == nil && id.Name == rollout.RecordName(name) {
			held[runner.Release{Namespace: id.Namespace, Name: name}] = state
		}
	}
	return held
}

// setWorkers sets the workers of releases and reports whether any has changed.
func (l locks) setWorkers(releases []Recorded, now time.Time) (changed bool) {
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

// workerInterval is how often the workers are checked.
const workerInterval = 10 * time.Second

// WatchReleases calls handle with the releases at once and after every change, until
// the context ends. The death of a worker counts as a change.
func WatchReleases(ctx context.Context, cluster *kube.Cluster, namespace, name string, handle func([]Recorded) (enough bool, err error)) error {
	ctx, stop := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop(nil)
	var mu sync.Mutex
	var held locks
	var releases []Recorded
	update := func() {
		mu.Lock()
		defer mu.Unlock()
		if !held.setWorkers(releases, time.Now()) {
			return
		}
		if _, err := handle(releases); err != nil {
			stop(err)
		}
	}
	watching.Go(func() { // without the permission to read locks, the releases are shown without workers
		_ = cluster.WatchAll(ctx, leasesIn(namespace), selectRelease(name), func(leases map[string]map[string]any) (bool, error) {
			mu.Lock()
			held = locksOf(maps.Values(leases))
			mu.Unlock()
			update()
			return false, nil
		})
	})
	watching.Go(func() {
		for kube.Pause(ctx, workerInterval) == nil {
			update()
		}
	})
	kind := kube.Ref{Kind: "ConfigMap", Namespace: namespace}
	return cluster.WatchAll(ctx, kind, selectRelease(name), func(objects map[string]map[string]any) (bool, error) {
		mu.Lock()
		defer mu.Unlock()
		releases = releasesOf(maps.Values(objects), releases)
		held.setWorkers(releases, time.Now())
		return handle(releases)
	})
}

// HasPods reports whether an object is a workload whose pods can be counted.
func HasPods(id manifest.ID) bool {
	return slices.Contains([]string{"Deployment", "StatefulSet"}, id.Kind)
}

// WatchPods calls handle with the pods of a workload at once and after every change. It
// stops when handle returns an error or the context ends.
func WatchPods(ctx context.Context, cluster *kube.Cluster, id manifest.ID, handle func(pods report.Pods, there bool) error) error {
	return cluster.Watch(ctx, kube.Ref(id), func(o map[string]any) (bool, error) {
		ready, _, _ := unstructured.NestedInt64(o, "status", "readyReplicas")
		return false, handle(report.Pods{Ready: int(ready), Wanted: object.Replicas(o)}, o != nil)
	})
}

func selectRelease(name string) string {
	if name == "" {
		return rollout.ReleaseLabel
	}
	return rollout.ReleaseLabel + "=" + name
}

// isRecord reports whether a ConfigMap is the record of a release. ConfigMaps of its
// canary have the same label.
func isRecord(configMap map[string]any) bool {
	name := releaseName(configMap)
	return name != "" && object.ID(configMap).Name == rollout.RecordName(name)
}

// releaseName returns the release in an object's label.
func releaseName(o map[string]any) string {
	name, _ := object.Labels(o)[rollout.ReleaseLabel].(string)
	return name
}

func recordedOf(configMap map[string]any) Recorded {
	r := Recorded{Release: releaseOf(configMap), Version: versionOf(configMap)}
	record, err := kube.RecordOf(configMap)
	if err != nil {
		r.Err = err
		return r
	}
	r.History = []byte(record.Data[rollout.HistoryKey])
	r.State, r.Err = rollout.ParseState([]byte(record.Data[rollout.StateKey]))
	return r
}

func releaseOf(configMap map[string]any) runner.Release {
	return runner.Release{Namespace: object.ID(configMap).Namespace, Name: releaseName(configMap)}
}

func versionOf(o map[string]any) string {
	version, _ := object.Metadata(o)["resourceVersion"].(string)
	return version
}

// releasesOf returns the releases that are recorded in ConfigMaps, sorted by namespace
// and name. Records that have not changed since before are not parsed again.
func releasesOf(configMaps iter.Seq[map[string]any], before []Recorded) []Recorded {
	known := make(map[runner.Release]Recorded, len(before))
	for _, r := range before {
		known[r.Release] = r
	}
	releases := []Recorded{}
	for o := range configMaps {
		if !isRecord(o) {
			continue
		}
		if r, same := known[releaseOf(o)]; same && r.Version == versionOf(o) {
			releases = append(releases, r)
			continue
		}
		releases = append(releases, recordedOf(o))
	}
	slices.SortFunc(releases, func(a, b Recorded) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return releases
}
