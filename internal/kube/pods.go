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

// Pods are the pods that a label selector selects, followed by a watch, so that
// asking for them again costs no request. It is safe for concurrent use.
type Pods struct {
	cluster             *Cluster
	namespace, selector string

	mu      sync.Mutex
	watch   *podWatch
	stopped bool
}

// podWatch is one watch; when it has ended, another one has to begin.
type podWatch struct {
	stop  context.CancelFunc
	first chan struct{} // closed when there is something to say
	ended chan struct{}

	mu   sync.Mutex
	pods []Pod
	err  error
}

// Follow prepares to follow pods. It sends no request yet. The caller closes it.
func (c *Cluster) Follow(namespace, selector string) *Pods {
	return &Pods{cluster: c, namespace: namespace, selector: selector}
}

// Close ends the watch.
func (p *Pods) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	if p.watch != nil {
		p.watch.stop()
		<-p.watch.ended
	}
}

// Running are the pods that run now, by namespace and name. A watch that fails is
// an error once, and begun again with the next call.
func (p *Pods) Running(ctx context.Context) ([]Pod, error) {
	w, err := p.current(ctx)
	if err != nil {
		return nil, err
	}
	select {
	case <-w.first:
	case <-ctx.Done():
		return nil, failed(Ref{Kind: "Pod", Namespace: p.namespace}, "watch", context.Cause(ctx))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.pods), w.err
}

// current is the watch that goes on, or a new one. It outlives the context of the
// call that began it.
func (p *Pods) current(ctx context.Context) (*podWatch, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.stopped:
		return nil, fmt.Errorf("pods in namespace %s: they are no longer followed", p.namespace)
	case p.watch != nil && !p.watch.failed():
		return p.watch, nil
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	w := &podWatch{stop: stop, first: make(chan struct{}), ended: make(chan struct{})}
	p.watch = w
	go func() {
		defer close(w.ended)
		defer stop()
		var said sync.Once
		say := func() { said.Do(func() { close(w.first) }) }
		err := p.cluster.WatchAll(watching, Ref{Kind: "Pod", Namespace: p.namespace}, p.selector, func(all map[string]map[string]any) (bool, error) {
			pods, err := runningPods(all)
			w.mu.Lock()
			w.pods = pods
			w.mu.Unlock()
			say()
			return false, err
		})
		w.mu.Lock()
		w.err = err
		w.mu.Unlock()
		say()
	}()
	return w, nil
}

// failed says whether a watch has ended and its error was told.
func (w *podWatch) failed() bool {
	select {
	case <-w.ended:
		return true
	default:
		return false
	}
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
