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

// Watch calls handle with an object at once and after each change, and with nil while
// the object does not exist. It stops when handle returns true or an error, or ctx
// ends; it returns that error or the cause of ctx.
func (c *Cluster) Watch(ctx context.Context, ref Ref, handle func(object map[string]any) (enough bool, err error)) error {
	resource, _, err := c.resource(ctx, ref, "")
	if err != nil {
		return err
	}
	k := keyOf(resource, ref.Namespace, ref.Name)
	if err := c.cached.watch(ctx, k, handle); !errors.Is(err, errNotFollowed) {
		return watched(ref, err)
	}
	err = c.followOne(k).follow(ctx, func(objects map[string]map[string]any, _ event) (bool, error) {
		return handle(objects[k.path()])
	})
	return watched(ref, err)
}

func (c *Cluster) followOne(k key) following {
	selection := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", k.name).String()}
	return following{Cluster: c, ref: Ref{Kind: k.resource.Resource, Namespace: k.namespace, Name: k.name}, resource: k.resource, selection: selection, opened: func(bool) {}}
}

// WatchAll is Watch for all objects of a kind that match a label selector, in the
// namespace of kind. handle gets them by NAMESPACE/NAME and must not change them.
func (c *Cluster) WatchAll(ctx context.Context, kind Ref, selector string, handle func(map[string]map[string]any) (enough bool, err error)) error {
	what, err := c.followAll(ctx, kind, selector)
	if err != nil {
		return err
	}
	return watched(kind, what.follow(ctx, func(objects map[string]map[string]any, _ event) (bool, error) { return handle(objects) }))
}

func (c *Cluster) followAll(ctx context.Context, kind Ref, selector string) (following, error) {
	resource, _, err := c.resource(ctx, kind, "")
	return following{Cluster: c, ref: kind, resource: resource, selection: metav1.ListOptions{LabelSelector: selector}, opened: func(bool) {}}, err
}

func watched(ref Ref, err error) error {
	var own handlerError
	if errors.As(err, &own) {
		return own.error
	}
	return failed(ref, "watch", err)
}

// handlerError is an error of a handler, which Watch returns unchanged.
type handlerError struct{ error }

// following describes what a watch selects.
type following struct {
	*Cluster
	ref       Ref // names the namespace and, in messages, the objects
	resource  schema.GroupVersionResource
	selection metav1.ListOptions
	opened    func(is bool) // called when a watch starts to work, and when it ends
	unlisted  bool          // without a list: existing objects arrive one by one, like new ones
}

type handler func(objects map[string]map[string]any, now event) (enough bool, err error)

// event describes why a handler is called.
type event struct {
	of      string // NAMESPACE/NAME of the changed object; "" after a list
	version string // of the objects
}

// watchSeconds is how long the API server should keep a watch open. A watch that lasts
// longer is dead.
const watchSeconds int64 = 300

// follow lists the objects once and then watches them. After the end of a watch it
// continues from the same version. It lists again only if the server no longer knows
// that version.
func (f following) follow(ctx context.Context, handle handler) error {
	for {
		objects, version := map[string]map[string]any{}, ""
		if !f.unlisted {
			list, err := withRetry(ctx, f.Cluster, operation{"LIST", f.ref}, func(ctx context.Context) (*unstructured.UnstructuredList, error) {
				return f.client.Resource(f.resource).Namespace(f.ref.Namespace).List(ctx, f.selection)
			})
			if err != nil {
				return err
			}
			for _, item := range list.Items {
				objects[item.GetNamespace()+"/"+item.GetName()] = item.Object
			}
			version = list.GetResourceVersion()
			if enough, err := handle(objects, event{version: version}); enough || err != nil {
				return handled(err)
			}
		}
		enough, err := f.continued(ctx, version, objects, handle)
		if enough || err != nil {
			return err
		}
	}
}

// handled marks an error of a handler.
func handled(err error) error {
	if err == nil {
		return nil
	}
	return handlerError{err}
}

// continued watches from a version on. It returns no error if the objects have to be
// listed again: the server no longer knows the version, or the watch was silent for so
// long that it may be dead.
func (f following) continued(ctx context.Context, version string, objects map[string]map[string]any, handle handler) (enough bool, err error) {
	options, seconds := f.selection, watchSeconds
	ctx = klog.NewContext(ctx, klog.Logger{})
	options.AllowWatchBookmarks, options.TimeoutSeconds = true, &seconds
	waiting := f.delays.begin(operation{"WATCH", f.ref})
	defer func() { waiting.end() }()
	heard := time.Now() // time of the last event; opening a watch does not count
	for failures := 0; ; {
		options.ResourceVersion = version
		began := version
		w, err := f.open(ctx, waiting, failures+1, options)
		if err == nil {
			waiting.end()
			f.opened(true)
			version, enough, err = f.consume(ctx, w, version, &heard, objects, handle)
			w.Stop()
			waiting = f.delays.begin(operation{"WATCH", f.ref})
		}
		f.opened(false)
		var mine handlerError
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
			if wait, final = f.nextWait(failures, err); final != nil {
				return false, final
			}
			waiting.failed(err)
		}
		if err := Pause(ctx, wait); err != nil {
			return false, err
		}
	}
}

// open starts a watch. A working server answers at once.
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

// ending is a watch that releases its context when it is stopped.
type ending struct {
	watch.Interface
	cancel func()
}

func (e ending) Stop() {
	e.cancel()
	e.Interface.Stop()
}

// errSilentWatch reports that a watch was silent for too long. A working API server
// sends a bookmark about once a minute.
var errSilentWatch = errors.New("the watch is silent")

// consume handles events until the watch ends or is silent for too long.
func (f following) consume(ctx context.Context, w watch.Interface, version string, heard *time.Time, objects map[string]map[string]any, handle handler) (_ string, enough bool, err error) {
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
			if enough, err := handle(objects, event{key, version}); enough || err != nil {
				return version, enough, handled(err)
			}
		}
	}
}
