package kube

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Pod is a running pod.
type Pod struct {
	Namespace, Name, UID string
	// Restarts counts the restarts of its containers.
	Restarts int
	// LastEnd is how a container ended before it was restarted last, such as OOMKilled; "" if
	// none was.
	LastEnd string
	// Images are those of its containers.
	Images []string
	// Ready means that the pod gets requests: it is ready and is not being deleted.
	Ready bool
}

// Ref returns the pod's Ref.
func (p Pod) Ref() Ref { return Ref{Kind: "Pod", Namespace: p.Namespace, Name: p.Name} }

// Pods watches the running pods that match a label selector, so that reading them again
// needs no request. All Pods with the same selector share a watch. It is safe for
// concurrent use.
type Pods struct {
	shared *podWatches
	what   podKey

	mu      sync.Mutex
	watch   *podWatch
	stopped bool
}

// Follow returns Pods for a selector. It sends no request yet. The caller closes it.
func (c *Cluster) Follow(namespace, selector string) *Pods {
	return &Pods{shared: c.pods, what: podKey{namespace, selector}}
}

// Close ends the watch, unless other Pods share it.
func (p *Pods) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	p.shared.leave(p.what, p.watch)
	p.watch = nil
}

// Running returns the pods that run now, sorted by namespace and name. After an error
// of the watch, the next call starts a new watch.
func (p *Pods) Running(ctx context.Context) ([]Pod, error) {
	var now []Pod
	err := p.Watch(ctx, func(pods []Pod) (bool, error) {
		now = pods
		return true, nil
	})
	return now, err
}

// Watch calls handle with the running pods at once and after each change. It stops when
// handle returns true or an error, the watch fails, or ctx ends; it returns that error
// or the cause of ctx. handle must not change the pods.
func (p *Pods) Watch(ctx context.Context, handle func(pods []Pod) (enough bool, err error)) error {
	return p.watchObjects(ctx, func(objects map[string]map[string]any) (bool, error) {
		pods, err := runningPods(objects)
		if err != nil {
			return false, err
		}
		return handle(pods)
	})
}

// watchObjects is Watch for the objects of all pods, by NAMESPACE/NAME.
func (p *Pods) watchObjects(ctx context.Context, handle func(objects map[string]map[string]any) (enough bool, err error)) error {
	w, err := p.current(ctx)
	if err != nil {
		return err
	}
	for {
		objects, known, changed, err := w.now()
		if err != nil {
			return err
		}
		if known {
			if enough, err := handle(objects); enough || err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return failed(Ref{Kind: "Pod", Namespace: p.what.namespace}, "watch", context.Cause(ctx))
		}
	}
}

// current returns the running watch, or starts a new one.
func (p *Pods) current(ctx context.Context) (*podWatch, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.stopped:
		return nil, fmt.Errorf("pods in namespace %s: no longer watched", p.what.namespace)
	case p.watch != nil && !p.watch.failed():
		return p.watch, nil
	}
	p.shared.leave(p.what, p.watch)
	var err error
	p.watch, err = p.shared.join(ctx, p.what)
	return p.watch, err
}

func runningPods(objects map[string]map[string]any) ([]Pod, error) {
	running := maps.Clone(objects)
	maps.DeleteFunc(running, func(_ string, o map[string]any) bool {
		status, _ := o["status"].(map[string]any)
		return status["phase"] != string(corev1.PodRunning)
	})
	return PodsOf(slices.Collect(maps.Values(running)))
}

// PodsOf returns the pods of decoded objects, sorted by namespace and name.
func PodsOf(objects []map[string]any) ([]Pod, error) {
	var pods []Pod
	for _, o := range objects {
		var pod corev1.Pod
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o, &pod); err != nil {
			return nil, fmt.Errorf("%s: %w", RefOf(o), err)
		}
		p := Pod{Namespace: pod.Namespace, Name: pod.Name, UID: string(pod.UID)}
		for _, c := range pod.Spec.Containers {
			p.Images = append(p.Images, c.Image)
		}
		for _, c := range pod.Status.ContainerStatuses {
			p.Restarts += int(c.RestartCount)
			if last := c.LastTerminationState.Terminated; last != nil {
				p.LastEnd = last.Reason
			}
		}
		for _, c := range pod.Status.Conditions {
			p.Ready = p.Ready || c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && pod.DeletionTimestamp == nil
		}
		pods = append(pods, p)
	}
	slices.SortFunc(pods, func(a, b Pod) int { return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name) })
	return pods, nil
}

// SelectorOf returns the selector of a workload in the form that Follow takes.
func SelectorOf(workload map[string]any) (string, error) {
	spec, _ := workload["spec"].(map[string]any)
	given, _ := spec["selector"].(map[string]any)
	var selector metav1.LabelSelector
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(given, &selector); err != nil {
		return "", fmt.Errorf("%s: selector: %w", RefOf(workload), err)
	}
	labels, err := metav1.LabelSelectorAsSelector(&selector)
	if err != nil {
		return "", fmt.Errorf("%s: selector: %w", RefOf(workload), err)
	}
	if labels.Empty() {
		return "", fmt.Errorf("%s: its selector for pods is empty", RefOf(workload))
	}
	return labels.String(), nil
}
