package kube

import (
	"context"
	"maps"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// podKey identifies pods by namespace and label selector.
type podKey struct{ namespace, selector string }

// manySelectors is the number of pod watches in a namespace from which one watch serves
// them all.
const manySelectors = 16

// podWatches holds the running watches of pods. Pods with the same selector share one.
type podWatches struct {
	cluster *Cluster

	mu         sync.Mutex // is locked before the mutex of a podWatch
	namespaces map[string]*podNamespace
}

// podNamespace holds the watches of a namespace. The mutex of podWatches guards it.
type podNamespace struct {
	watches map[string]*podWatch // by selector
	alone   int                  // watches of the pods of one selector
	all     *allPods             // nil while there are few watches
}

// allPods is a watch of all pods in a namespace. The mutex of podWatches guards it.
type allPods struct {
	stop    context.CancelFunc
	known   bool
	objects map[string]map[string]any // by NAMESPACE/NAME
	watches map[*podWatch]bool
}

// podWatch holds the pods of a selector. It is not used again after its end.
type podWatch struct {
	selector labels.Selector
	users    int                // guarded by podWatches.mu
	stop     context.CancelFunc // of its own watch; nil if allPods updates it
	ended    chan struct{}
	end      func() // closes ended

	mu      sync.Mutex
	known   bool                      // objects or err is set
	objects map[string]map[string]any // by NAMESPACE/NAME; replaced, never changed
	err     error
	changed chan struct{} // closed at the next change of these fields
}

func newPodWatch(selector labels.Selector) *podWatch {
	w := &podWatch{selector: selector, ended: make(chan struct{}), changed: make(chan struct{})}
	w.end = sync.OnceFunc(func() { close(w.ended) })
	return w
}

// namespace needs the mutex.
func (s *podWatches) namespace(name string) *podNamespace {
	n, found := s.namespaces[name]
	if !found {
		n = &podNamespace{watches: map[string]*podWatch{}}
		s.namespaces[name] = n
	}
	return n
}

// join returns the running watch of pods, or starts one that outlasts ctx.
func (s *podWatches) join(ctx context.Context, what podKey) (*podWatch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.namespace(what.namespace)
	w := n.watches[what.selector]
	if w == nil || w.failed() {
		selector, err := labels.Parse(what.selector)
		if err != nil {
			return nil, err
		}
		w = newPodWatch(selector)
		n.watches[what.selector] = w
		ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
		if what.namespace == "" || n.alone < manySelectors {
			n.alone++
			w.stop = stop
			go w.follow(ctx, s.cluster, what)
		} else {
			s.joinAll(ctx, stop, what.namespace, n, w)
		}
	}
	w.users++
	return w, nil
}

// joinAll makes the watch of all pods update w.
func (s *podWatches) joinAll(ctx context.Context, stop context.CancelFunc, namespace string, n *podNamespace, w *podWatch) {
	if n.all != nil {
		stop()
	} else {
		n.all = &allPods{stop: stop, watches: map[*podWatch]bool{}}
		go s.followAll(ctx, namespace, n.all)
	}
	n.all.watches[w] = true
	if n.all.known {
		w.setAll(n.all.objects)
	}
}

// leave ends a watch that has no other user.
func (s *podWatches) leave(what podKey, w *podWatch) {
	if w == nil {
		return
	}
	s.mu.Lock()
	w.users--
	last := w.users == 0
	if n := s.namespaces[what.namespace]; last {
		if n.watches[what.selector] == w {
			delete(n.watches, what.selector)
		}
		if w.stop != nil {
			n.alone--
		} else if n.all != nil && n.all.watches[w] {
			delete(n.all.watches, w)
			if len(n.all.watches) == 0 {
				n.all.stop()
				n.all = nil
			}
		}
		s.tidy(what.namespace, n)
	}
	s.mu.Unlock()
	if last && w.stop != nil {
		w.stop()
		<-w.ended
	}
	if last {
		w.end()
	}
}

// tidy needs the mutex.
func (s *podWatches) tidy(namespace string, n *podNamespace) {
	if len(n.watches) == 0 && n.alone == 0 && n.all == nil {
		delete(s.namespaces, namespace)
	}
}

// alone counts a watch that the caller will start itself, unless there are many
// already.
func (s *podWatches) alone(namespace string) (may bool, done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.namespace(namespace)
	if n.alone >= manySelectors {
		return false, nil
	}
	n.alone++
	return true, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		n.alone--
		s.tidy(namespace, n)
	}
}

// followAll watches all pods of a namespace.
func (s *podWatches) followAll(ctx context.Context, namespace string, a *allPods) {
	kind := Ref{Kind: "Pod", Namespace: namespace}
	what, err := s.cluster.followAll(ctx, kind, "")
	if err == nil {
		err = watched(kind, what.follow(ctx, func(all map[string]map[string]any, now event) (bool, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			a.apply(all, now)
			return false, nil
		}))
	}
	a.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.namespaces[namespace]; n != nil && n.all == a {
		n.all = nil
	}
	for w := range a.watches {
		w.change(nil, err)
		w.end()
	}
}

// apply updates the podWatches whose pods have changed.
func (a *allPods) apply(all map[string]map[string]any, now event) {
	if now.of == "" {
		a.known, a.objects = true, map[string]map[string]any{}
		for key, object := range all {
			a.objects[key] = withoutOwners(object)
		}
		for w := range a.watches {
			w.setAll(a.objects)
		}
		return
	}
	object, is := all[now.of]
	if is {
		object = withoutOwners(object)
		a.objects[now.of] = object
	} else {
		delete(a.objects, now.of)
	}
	for w := range a.watches {
		w.setOne(now.of, object)
	}
}

// withoutOwners copies an object without managedFields, which are half of its size.
func withoutOwners(object map[string]any) map[string]any {
	meta, _ := object["metadata"].(map[string]any)
	object, meta = maps.Clone(object), maps.Clone(meta)
	delete(meta, "managedFields")
	object["metadata"] = meta
	return object
}

func (w *podWatch) selects(object map[string]any) bool {
	u := unstructured.Unstructured{Object: object}
	return object != nil && w.selector.Matches(labels.Set(u.GetLabels()))
}

// setAll replaces the pods by those of all that match.
func (w *podWatch) setAll(all map[string]map[string]any) {
	own := map[string]map[string]any{}
	for key, object := range all {
		if w.selects(object) {
			own[key] = object
		}
	}
	w.change(own, nil)
}

// setOne updates one pod; nil means that it is gone.
func (w *podWatch) setOne(key string, object map[string]any) {
	w.mu.Lock()
	_, had := w.objects[key]
	own := maps.Clone(w.objects)
	w.mu.Unlock()
	switch has := w.selects(object); {
	case has:
		own[key] = object
	case had:
		delete(own, key)
	default:
		return
	}
	w.change(own, nil)
}

// follow watches the pods of one selector.
func (w *podWatch) follow(ctx context.Context, c *Cluster, what podKey) {
	defer w.end()
	err := c.WatchAll(ctx, Ref{Kind: "Pod", Namespace: what.namespace}, what.selector, func(all map[string]map[string]any) (bool, error) {
		w.change(maps.Clone(all), nil)
		return false, nil
	})
	w.stop()
	w.change(nil, err)
}

func (w *podWatch) change(objects map[string]map[string]any, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known, w.objects, w.err = true, objects, err
	close(w.changed)
	w.changed = make(chan struct{})
}

// now returns the current state, and a channel that is closed at its next change.
func (w *podWatch) now() (objects map[string]map[string]any, known bool, changed <-chan struct{}, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.objects, w.known, w.changed, w.err
}

// failed reports whether a watch has ended.
func (w *podWatch) failed() bool {
	select {
	case <-w.ended:
		return true
	default:
		return false
	}
}
