package kube

import (
	"context"
	"errors"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// WithCache is c with a cache, to be shared by Share. It watches nothing yet.
func (c *Cluster) WithCache() *Cluster {
	f := *c
	f.cache = &cache{cluster: c, kinds: map[kindKey]*kind{}}
	return &f
}

// Share is c for one of the users of its cache. An object that is read is watched from
// then on, so that reading it again costs no request while the watch works. What is read
// may then lag by an event, and by more when a watch has silently stopped working; Fresh
// never does. What nobody uses after end is not watched any more. Secrets are never
// watched: the permission to watch one is one to list them all.
//
// The watches outlast ctx, of which they have only the values.
func (c *Cluster) Share(ctx context.Context) (shared *Cluster, end func()) {
	f := *c
	f.cached = &cacheUser{cache: c.cache, ctx: context.WithoutCancel(ctx), used: map[key]*entry{}}
	return &f, f.cached.end
}

// Following is c with a cache for one user. The watches end with ctx.
func (c *Cluster) Following(ctx context.Context) *Cluster {
	f, end := c.WithCache().Share(ctx)
	context.AfterFunc(ctx, end)
	return f
}

// cache is what is known of objects that are read again and again. An object is watched
// while somebody uses it: alone while few of its kind and namespace are, and otherwise
// by one watch for all of them.
type cache struct {
	cluster *Cluster

	mu    sync.Mutex // before that of an entry
	kinds map[kindKey]*kind
}

// kindKey is where objects of a kind in a namespace are served.
type kindKey struct {
	resource  schema.GroupVersionResource
	namespace string
}

// key is where an object is served.
type key struct {
	kindKey
	name string
}

func keyOf(resource schema.GroupVersionResource, namespace, name string) key {
	return key{kindKey{resource, namespace}, name}
}

// path is the key of an object in a watch.
func (k key) path() string { return k.namespace + "/" + k.name }

// entry is what is known of one object.
type entry struct {
	users int // cache.mu guards it

	mu      sync.Mutex
	object  map[string]any // nil where it is not there, or nothing is known
	version string         // of the newest state that was seen
	deleted bool           // a request to delete object was sent: only the server knows whether it is there
	watch   watchState
	feed    *feed         // who keeps object up to date; nil while nobody does
	changed chan struct{} // closed at the next change of any of these
}

type watchState int

const (
	unwatched watchState = iota
	opening
	open   // object is what the server has
	broken // it is being opened again
	ended  // for good: it is not allowed
)

// feed is a watch that keeps entries up to date. An entry listens to one at a time.
type feed struct{ stop context.CancelFunc }

func newEntry() *entry { return &entry{changed: make(chan struct{})} }

func (e *entry) change(do func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.changeLocked(do)
}

// hear is change by a feed, if it is still the one that is listened to.
func (e *entry) hear(from *feed, do func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.feed == from {
		e.changeLocked(do)
	}
}

func (e *entry) changeLocked(do func()) {
	do()
	close(e.changed)
	e.changed = make(chan struct{})
}

func (e *entry) setOpen(is bool) {
	e.watch = broken
	if is {
		e.watch = open
	}
}

// put takes in an object as it was at a version, nil where it was not there, unless a
// newer state was seen: an answer to a write may come before the events of earlier ones.
func (e *entry) put(object map[string]any, version string) {
	if object != nil {
		version = versionIn(object)
	}
	if older(version, e.version) {
		return
	}
	e.object, e.version = object, version
	e.deleted = e.deleted && object != nil
}

func versionIn(object map[string]any) string {
	metadata, _ := object["metadata"].(map[string]any)
	version, _ := metadata["resourceVersion"].(string)
	return version
}

// now is what is known, and what will be closed when that changes.
func (e *entry) now() (object map[string]any, watch watchState, changed <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.object, e.watch, e.changed
}

// look waits until it is known whether the watch works, and gives the object if it does.
func (e *entry) look(ctx context.Context) (object map[string]any, current bool) {
	for {
		e.mu.Lock()
		object, state, deleted, changed := e.object, e.watch, e.deleted, e.changed
		e.mu.Unlock()
		if state != opening {
			return object, state == open && !deleted
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, false
		}
	}
}

// cacheUser is one of those who share a cache. A nil one remembers nothing.
type cacheUser struct {
	cache *cache
	ctx   context.Context // of the watches that it begins

	used map[key]*entry // cache.mu guards it; nil after the end
}

// at is the entry of an object, which is in use from then on.
func (u *cacheUser) at(k key) *entry {
	u.cache.mu.Lock()
	defer u.cache.mu.Unlock()
	return u.locked(k)
}

func (u *cacheUser) locked(k key) *entry {
	if e, found := u.used[k]; found {
		return e
	}
	if u.used == nil {
		e := newEntry()
		e.watch = ended
		return e
	}
	e := u.cache.kind(k.kindKey).entry(k.name)
	e.users++
	u.used[k] = e
	return e
}

// watched is the entry of an object, of which a watch has begun.
func (u *cacheUser) watched(k key) *entry {
	u.cache.mu.Lock()
	defer u.cache.mu.Unlock()
	e := u.locked(k)
	if u.used != nil {
		u.cache.begin(u.ctx, k, e)
	}
	return e
}

// end ends the watches that nobody else uses.
func (u *cacheUser) end() {
	u.cache.mu.Lock()
	defer u.cache.mu.Unlock()
	for k, e := range u.used {
		if e.users--; e.users == 0 {
			u.cache.remove(k, e)
		}
	}
	u.used = nil
}

// saw takes in an object as the server has just given it.
func (u *cacheUser) saw(k key, object map[string]any) {
	if u == nil || object == nil {
		return
	}
	e := u.at(k)
	e.change(func() {
		e.put(runtime.DeepCopyJSON(object), "")
		e.deleted = false
	})
}

// version is that of the newest state of an object that was seen.
func (u *cacheUser) version(k key) string {
	if u == nil {
		return ""
	}
	e := u.at(k)
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.version
}

// gone takes in that the server has just not found an object, unless a newer state than
// was known before it was asked came meanwhile.
func (u *cacheUser) gone(k key, before string) {
	if u == nil {
		return
	}
	e := u.at(k)
	e.change(func() {
		if e.version == before {
			e.object, e.deleted = nil, false
		}
	})
}

// read gives an object, if that is known without a request.
func (u *cacheUser) read(ctx context.Context, k key) (object map[string]any, current bool) {
	if u == nil {
		return nil, false
	}
	object, current = u.watched(k).look(ctx)
	return runtime.DeepCopyJSON(object), current
}

// last is the newest object that was seen, nil when there was none. It may have
// changed since.
func (u *cacheUser) last(k key) map[string]any {
	if u == nil {
		return nil
	}
	e := u.at(k)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.deleted {
		return nil
	}
	return e.object
}

// deleted takes in that a request to delete an object was sent: until it is seen to be
// gone, only the server knows.
func (u *cacheUser) deleted(k key) {
	if u == nil {
		return
	}
	e := u.at(k)
	e.change(func() { e.deleted = e.object != nil })
}

// errNotFollowed says that an object is not watched by the cache.
var errNotFollowed = errors.New("not followed")

// watch is Cluster.Watch without a request, or gives errNotFollowed.
func (u *cacheUser) watch(ctx context.Context, k key, see func(map[string]any) (bool, error)) error {
	if u == nil {
		return errNotFollowed
	}
	for e := u.watched(k); ; {
		object, state, changed := e.now()
		switch state {
		case ended:
			return errNotFollowed
		case open:
			if enough, err := see(object); enough || err != nil {
				return seen(err)
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// remove ends the watch of an entry that nobody uses. It needs the mutex.
func (c *cache) remove(k key, e *entry) {
	objects := c.kinds[k.kindKey]
	delete(objects.entries, k.name)
	e.mu.Lock()
	feed := e.feed
	e.mu.Unlock()
	e.change(func() { e.feed, e.watch = nil, ended })
	if feed != nil && (objects.all == nil || feed != objects.all.feed) {
		feed.stop()
		objects.single--
	}
	if len(objects.entries) > 0 {
		return
	}
	if objects.all != nil {
		objects.all.stop()
	}
	delete(c.kinds, k.kindKey)
}
