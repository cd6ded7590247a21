package kube

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/klog/v2"
)

// Watch calls see with an object at once and after each of its changes, with nil
// while it does not exist, until see says that it has seen enough or gives an
// error, which is then returned, or ctx ends, whose cause is.
func (c *Cluster) Watch(ctx context.Context, ref Ref, see func(object map[string]any) (enough bool, err error)) error {
	resource, _, err := c.resource(ctx, ref, "")
	if err != nil {
		return err
	}
	k := keyOf(resource, ref.Namespace, ref.Name)
	if err := c.cached.watch(ctx, k, see); !errors.Is(err, errNotFollowed) {
		return watched(ref, err)
	}
	err = c.followOne(k).follow(ctx, func(objects map[string]map[string]any, _ event) (bool, error) {
		return see(objects[k.path()])
	})
	return watched(ref, err)
}

func (c *Cluster) followOne(k key) following {
	selection := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", k.name).String()}
	return following{Cluster: c, ref: Ref{Kind: k.resource.Resource, Namespace: k.namespace, Name: k.name}, resource: k.resource, selection: selection, opened: func(bool) {}}
}

// WatchAll is Watch for all objects of a kind that a label selector selects, in the
// namespace of kind. see gets them by NAMESPACE/NAME and must not change them.
func (c *Cluster) WatchAll(ctx context.Context, kind Ref, selector string, see func(map[string]map[string]any) (enough bool, err error)) error {
	what, err := c.followAll(ctx, kind, selector)
	if err != nil {
		return err
	}
	return watched(kind, what.follow(ctx, func(objects map[string]map[string]any, _ event) (bool, error) { return see(objects) }))
}

func (c *Cluster) followAll(ctx context.Context, kind Ref, selector string) (following, error) {
	resource, _, err := c.resource(ctx, kind, "")
	return following{Cluster: c, ref: kind, resource: resource, selection: metav1.ListOptions{LabelSelector: selector}, opened: func(bool) {}}, err
}

func watched(ref Ref, err error) error {
	var seen seenError
	if errors.As(err, &seen) {
		return seen.error
	}
	return failed(ref, "watch", err)
}

// seenError is an error of whoever looks on, as it has to be returned.
type seenError struct{ error }

// following is what is watched.
type following struct {
	*Cluster
	ref       Ref // in whose namespace the objects are
	resource  schema.GroupVersionResource
	selection metav1.ListOptions
	opened    func(is bool) // is told when a watch begins to work, and when it ends
	unlisted  bool          // objects that are there come one by one, as if they were new
}

type seeing func(objects map[string]map[string]any, now event) (enough bool, err error)

// event says what objects are shown for.
type event struct {
	of      string // NAMESPACE/NAME of the one that has changed; "" after a list, where any may have
	version string // that the objects are of
}

// watchSeconds is how long the API server is asked to keep a watch open. A watch
// that lasts longer has died without a word.
const watchSeconds int64 = 300

// follow lists objects once and then watches them. A watch that ends is continued
// where it was; only when the server has forgotten that point are the objects
// listed again.
func (f following) follow(ctx context.Context, see seeing) error {
	for {
		objects, version := map[string]map[string]any{}, ""
		if !f.unlisted {
			list, err := again(ctx, f.Cluster, doing{"LIST", f.ref}, func(ctx context.Context) (*unstructured.UnstructuredList, error) {
				return f.client.Resource(f.resource).Namespace(f.ref.Namespace).List(ctx, f.selection)
			})
			if err != nil {
				return err
			}
			for _, item := range list.Items {
				objects[item.GetNamespace()+"/"+item.GetName()] = item.Object
			}
			version = list.GetResourceVersion()
			if enough, err := see(objects, event{version: version}); enough || err != nil {
				return seen(err)
			}
		}
		enough, err := f.continued(ctx, version, objects, see)
		if enough || err != nil {
			return err
		}
	}
}

// seen marks an error of see.
func seen(err error) error {
	if err == nil {
		return nil
	}
	return seenError{err}
}

// continued watches from a version on. It ends without an error when the objects have to
// be listed again: the server has forgotten that version, or the watch said nothing for
// so long that it may have stopped working.
func (f following) continued(ctx context.Context, version string, objects map[string]map[string]any, see seeing) (enough bool, err error) {
	options, seconds := f.selection, watchSeconds
	ctx = klog.NewContext(ctx, klog.Logger{})
	options.AllowWatchBookmarks, options.TimeoutSeconds = true, &seconds
	waiting := f.delays.begin(doing{"WATCH", f.ref})
	defer func() { waiting.end() }()
	heard := time.Now() // of the objects; that a watch was opened tells nothing of them
	for failures := 0; ; {
		options.ResourceVersion = version
		began := version
		w, err := f.open(ctx, waiting, failures+1, options)
		if err == nil {
			waiting.end()
			f.opened(true)
			version, enough, err = f.consume(ctx, w, version, &heard, objects, see)
			w.Stop()
			waiting = f.delays.begin(doing{"WATCH", f.ref})
		}
		f.opened(false)
		var mine seenError
		switch {
		case enough || errors.As(err, &mine):
			return enough, err
		case ctx.Err() != nil:
			return false, context.Cause(ctx)
		case errors.Is(err, errSilentWatch) || apierrors.IsResourceExpired(err) || apierrors.IsGone(err):
			return false, nil
		}
		if failures++; version != began {
			failures = 1
		}
		wait := f.options.Backoff(failures, 0)
		if err != nil {
			var final error
			if wait, final = f.retry(failures, err); final != nil {
				return false, final
			}
			waiting.failed(err)
		}
		if err := Pause(ctx, wait); err != nil {
			return false, err
		}
	}
}

// open begins a watch, whose first answer comes at once from a server that works.
func (f following) open(ctx context.Context, waiting *delayed, n int, options metav1.ListOptions) (watch.Interface, error) {
	whole, cancel := context.WithTimeout(ctx, time.Duration(watchSeconds)*time.Second+f.options.Timeout)
	watching, a := begin(whole, waiting, f.timeout(n))
	stop := func() {
		a.end()
		cancel()
	}
	w, err := f.client.Resource(f.resource).Namespace(f.ref.Namespace).Watch(watching, options)
	a.answered()
	if watching.Err() != nil && whole.Err() == nil && !isAnswer(err) {
		if err == nil {
			w.Stop()
		}
		err = context.Cause(watching)
		utilnet.CloseIdleConnectionsFor(f.http.Transport)
	}
	if err != nil {
		stop()
		return nil, err
	}
	return ending{w, stop}, nil
}

// ending is a watch that lets go of its context when it is stopped.
type ending struct {
	watch.Interface
	cancel func()
}

func (e ending) Stop() {
	e.cancel()
	e.Interface.Stop()
}

// errSilentWatch says that a watch said nothing for longer than an API server that works
// would be silent: it sends a bookmark about once a minute.
var errSilentWatch = errors.New("the watch is silent")

// consume takes in events until the watch ends, or is silent for too long.
func (f following) consume(ctx context.Context, w watch.Interface, version string, heard *time.Time, objects map[string]map[string]any, see seeing) (_ string, enough bool, err error) {
	silence := time.NewTimer(f.options.Silence - time.Since(*heard))
	defer silence.Stop()
	for {
		select {
		case <-ctx.Done():
			return version, false, context.Cause(ctx)
		case <-silence.C:
			return version, false, errSilentWatch
		case got, open := <-w.ResultChan():
			if !open {
				return version, false, nil
			}
			if got.Type == watch.Error {
				return version, false, apierrors.FromObject(got.Object)
			}
			item, isObject := got.Object.(*unstructured.Unstructured)
			if !isObject {
				continue
			}
			silence.Reset(f.options.Silence)
			*heard = time.Now()
			version = item.GetResourceVersion()
			key := item.GetNamespace() + "/" + item.GetName()
			switch got.Type {
			case watch.Bookmark:
				continue
			case watch.Deleted:
				delete(objects, key)
			default:
				objects[key] = item.Object
			}
			if enough, err := see(objects, event{key, version}); enough || err != nil {
				return version, enough, seen(err)
			}
		}
	}
}
