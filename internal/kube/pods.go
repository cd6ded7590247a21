package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Pod is a pod whose containers run.
type Pod struct {
	Namespace, Name, UID string
	// Restarts is how often its containers were started again.
	Restarts int
	// Ready says that it gets requests: it is ready, and not about to end.
	Ready bool
}

// Ref names the pod.
func (p Pod) Ref() Ref { return Ref{Kind: "Pod", Namespace: p.Namespace, Name: p.Name} }

// Pods are the pods that a label selector selects, followed by a watch, so that asking
// for them again costs no request. All who follow the same pods share a watch. It is safe
// for concurrent use.
type Pods struct {
	shared *podWatches
	what   podKey

	mu      sync.Mutex
	watch   *podWatch
	stopped bool
}

// Follow prepares to follow pods. It sends no request yet. The caller closes it.
func (c *Cluster) Follow(namespace, selector string) *Pods {
	return &Pods{shared: c.pods, what: podKey{namespace, selector}}
}

// Close ends the watch, unless somebody else follows the same pods.
func (p *Pods) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	p.shared.leave(p.what, p.watch)
	p.watch = nil
}

// Running are the pods that run now, by namespace and name. A watch that fails is
// an error once, and begun again with the next call.
func (p *Pods) Running(ctx context.Context) ([]Pod, error) {
	var now []Pod
	err := p.Watch(ctx, func(pods []Pod) (bool, error) {
		now = pods
		return true, nil
	})
	return now, err
}

// Watch calls see with the pods that run, at once and after each change, until see
// returns true or an error, the watch fails, or ctx ends; it returns the error or the
// cause of ctx. see must not change the pods.
func (p *Pods) Watch(ctx context.Context, see func(pods []Pod) (enough bool, err error)) error {
	return p.watchObjects(ctx, func(objects map[string]map[string]any) (bool, error) {
		pods, err := runningPods(objects)
		if err != nil {
			return false, err
		}
		return see(pods)
	})
}

// watchObjects is Watch for the objects of all pods, by NAMESPACE/NAME.
func (p *Pods) watchObjects(ctx context.Context, see func(objects map[string]map[string]any) (enough bool, err error)) error {
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
			if enough, err := see(objects); enough || err != nil {
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

// current is the watch that goes on, or a new one.
func (p *Pods) current(ctx context.Context) (*podWatch, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.stopped:
		return nil, fmt.Errorf("pods in namespace %s: they are no longer followed", p.what.namespace)
	case p.watch != nil && !p.watch.failed():
		return p.watch, nil
	}
	p.shared.leave(p.what, p.watch)
	var err error
	p.watch, err = p.shared.join(ctx, p.what)
	return p.watch, err
}

func runningPods(objects map[string]map[string]any) ([]Pod, error) {
	var pods []Pod
	for _, o := range objects {
		var pod corev1.Pod
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o, &pod); err != nil {
			return nil, fmt.Errorf("%s: %w", RefOf(o), err)
		}
		if pod.Status.Phase != corev1.PodRunning {
			continue
		}
		p := Pod{Namespace: pod.Namespace, Name: pod.Name, UID: string(pod.UID)}
		for _, c := range pod.Status.ContainerStatuses {
			p.Restarts += int(c.RestartCount)
		}
		for _, c := range pod.Status.Conditions {
			p.Ready = p.Ready || c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && pod.DeletionTimestamp == nil
		}
		pods = append(pods, p)
	}
	slices.SortFunc(pods, func(a, b Pod) int { return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name) })
	return pods, nil
}

// SelectorOf writes the selector of a workload as Follow takes it.
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
		return "", fmt.Errorf("%s: it has no selector of its pods", RefOf(workload))
	}
	return labels.String(), nil
}
