package kube

import (
	"context"
	"errors"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// WithCache returns a copy of the client with a cache for Share. It watches nothing
// yet.
func (c *Cluster) WithCache() *Cluster {
	f := *c
	f.cache = &cache{cluster: c, kinds: map[kindKey]*kind{}}
	return &f
}

// Share returns a copy of the client for one user of the cache. An object that is read
// is then watched, so later reads need no request while the watch works. Such a read
// may lag by an event, or by more if a watch has silently stopped working; Fresh never
// lags. end stops the watches that no other user needs. Secrets are never watched,
// because the permission to watch one allows listing them all.
//
// The watches outlast ctx; they keep only its values.
func (c *Cluster) Share(ctx context.Context) (shared *Cluster, end func()) {
	f := *c
	f.cached = &cacheUser{cache: c.cache, ctx: context.WithoutCancel(ctx), used: map[key]*entry{}}
	return &f, f.cached.end
}

// Following returns a copy of the client with a cache for one user. The watches end
// with ctx.
func (c *Cluster) Following(ctx context.Context) *Cluster {
	f, end := c.WithCache().Share(ctx)
	context.AfterFunc(ctx, end)
	return f
}

// cache holds objects that are read repeatedly. An object is watched while it has
// users: alone, or with all objects of its kind and namespace if many of them have
// users.
type cache struct {
	cluster *Cluster

	mu    sync.Mutex // is locked before the mutex of an entry
	kinds map[kindKey]*kind
}

// kindKey identifies the objects of a kind in a namespace.
type kindKey struct {
	resource  schema.GroupVersionResource
	namespace string
}

// key identifies an object by its resource.
type key struct {
	kindKey
	name string
}

func keyOf(resource schema.GroupVersionResource, namespace, name string) key {
	return key{kindKey{resource, namespace}, name}
}

// path returns the key of the object among the objects of a watch.
func (k key) path() string { return k.namespace + "/" + k.name }

// entry is the cache entry of one object.
type entry struct {
	users int // guarded by cache.mu

	mu      sync.Mutex
	object  map[string]any // nil if it does not exist or was never read
	version string         // of the newest known state
	deleted bool           // a deletion was requested: only the server knows whether the object still exists
	watch   watchState
	feed    *feed         // the watch that updates object; nil if there is none
	changed chan struct{} // closed at the next change of these fields
}

type watchState int

const (
	unwatched watchState = iota
	opening
	open   // object is up to date
	broken // is being opened again
	ended  // for good: not allowed
)

// feed is a watch that updates entries. An entry has at most one feed.
type feed struct{ stop context.CancelFunc }

func newEntry() *entry { return &entry{changed: make(chan struct{})} }

func (e *entry) update(do func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.updateLocked(do)
}

// updateFrom is update by a feed; it does nothing if the entry has another feed by now.
func (e *entry) updateFrom(from *feed, do func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.feed == from {
		e.updateLocked(do)
	}
}

func (e *entry) updateLocked(do func()) {
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

// put stores an object, or nil for a missing one, unless a newer version is known. The
// answer to a write may arrive before the events of earlier writes.
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

// now returns the current state, and a channel that is closed at its next change.
func (e *entry) now() (object map[string]any, watch watchState, changed <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.object, e.watch, e.changed
}

// current waits until the watch works or has failed. It returns the object, and whether
// it is up to date.
func (e *entry) current(ctx context.Context) (object map[string]any, current bool) {
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

// cacheUser is one of the users of a cache. A nil one caches nothing.
type cacheUser struct {
	cache *cache
	ctx   context.Context // of the watches that it starts

	used map[key]*entry // guarded by cache.mu; nil after end
}

// use returns the entry of an object and marks it as used.
func (u *cacheUser) use(k key) *entry {
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

// watched returns the entry of an object and starts a watch for it.
func (u *cacheUser) watched(k key) *entry {
	u.cache.mu.Lock()
	defer u.cache.mu.Unlock()
	e := u.locked(k)
	if u.used != nil {
		u.cache.begin(u.ctx, k, e)
	}
	return e
}

// end stops the watches that have no other user.
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

// store stores an object that the server has just returned.
func (u *cacheUser) store(k key, object map[string]any) {
	if u == nil || object == nil {
		return
	}
	e := u.use(k)
	e.update(func() {
		e.put(runtime.DeepCopyJSON(object), "")
		e.deleted = false
	})
}

// version returns the newest known version of an object.
func (u *cacheUser) version(k key) string {
	if u == nil {
		return ""
	}
	e := u.use(k)
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.version
}

// storeAbsent records that the server did not find an object, unless the version has
// changed since the request began.
func (u *cacheUser) storeAbsent(k key, before string) {
	if u == nil {
		return
	}
	e := u.use(k)
	e.update(func() {
		if e.version == before {
			e.object, e.deleted = nil, false
		}
	})
}

// read returns an object if no request is needed.
func (u *cacheUser) read(ctx context.Context, k key) (object map[string]any, current bool) {
	if u == nil {
		return nil, false
	}
	object, current = u.watched(k).current(ctx)
	return runtime.DeepCopyJSON(object), current
}

// last returns the newest known object, or nil. It may be out of date.
func (u *cacheUser) last(k key) map[string]any {
	if u == nil {
		return nil
	}
	e := u.use(k)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.deleted {
		return nil
	}
	return e.object
}

// deleted records that a deletion was requested. From then on only the server knows
// whether the object exists.
func (u *cacheUser) deleted(k key) {
	if u == nil {
		return
	}
	e := u.use(k)
	e.update(func() { e.deleted = e.object != nil })
}

// errNotFollowed reports that the cache does not watch an object.
var errNotFollowed = errors.New("not followed")

// watch is Cluster.Watch from the cache; it returns errNotFollowed if it would need a
// request.
func (u *cacheUser) watch(ctx context.Context, k key, handle func(map[string]any) (bool, error)) error {
	if u == nil {
		return errNotFollowed
	}
	for e := u.watched(k); ; {
		object, state, changed := e.now()
		switch state {
		case ended:
			return errNotFollowed
		case open:
			if enough, err := handle(object); enough || err != nil {
				return handled(err)
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// remove stops the watch of an entry without users. The caller holds the mutex.
func (c *cache) remove(k key, e *entry) {
	objects := c.kinds[k.kindKey]
	delete(objects.entries, k.name)
	e.mu.Lock()
	feed := e.feed
	e.mu.Unlock()
	e.update(func() { e.feed, e.watch = nil, ended })
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
