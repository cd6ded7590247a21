package app

import (
	"cmp"
	"context"
	"slices"

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
	State rollout.State
	Err   error // why the state cannot be read
}

// Releases lists the releases of a namespace, or with "" of all, as the cluster
// remembers them; with a name, only that one.
func (e *Engine) Releases(ctx context.Context, namespace, name string) ([]Release, error) {
	objects, err := e.cluster.kube.List(ctx, kube.Ref{Kind: "ConfigMap", Namespace: namespace}, selectRelease(name))
	if err != nil {
		return nil, err
	}
	releases := []Release{}
	for _, o := range objects {
		if remembers(o) {
			releases = append(releases, releaseOf(o))
		}
	}
	sortReleases(releases)
	return releases, nil
}

// WatchReleases calls see with the releases at once and after every change, until
// the context ends.
func (e *Engine) WatchReleases(ctx context.Context, namespace, name string, see func([]Release) (enough bool, err error)) error {
	kind := kube.Ref{Kind: "ConfigMap", Namespace: namespace}
	return e.cluster.kube.WatchAll(ctx, kind, selectRelease(name), func(objects map[string]map[string]any) (bool, error) {
		var releases []Release
		for _, o := range objects {
			if remembers(o) {
				releases = append(releases, releaseOf(o))
			}
		}
		sortReleases(releases)
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

func sortReleases(releases []Release) {
	slices.SortFunc(releases, func(a, b Release) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}
