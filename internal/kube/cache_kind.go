package kube

import (
	"context"
	"maps"

	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// manyObjects is from how many objects of a kind in a namespace on all of them are
// watched at once. A release alone has fewer, and lists no big namespace.
const manyObjects = 16

// kind is what is known of the objects of a kind in a namespace. The mutex of the cache
// guards it.
type kind struct {
	entries map[string]*entry // by name
	single  int               // entries that are watched alone
	all     *allOfKind        // nil while each is
	refused bool              // all may not be watched
}

// allOfKind is a watch of all objects of a kind in a namespace.
type allOfKind struct {
	*feed
	watch   watchState
	objects map[string]map[string]any // by NAMESPACE/NAME
	version string                    // that they are of
}

func (c *cache) kind(k kindKey) *kind {
	objects, found := c.kinds[k]
	if !found {
		objects = &kind{entries: map[string]*entry{}}
		c.kinds[k] = objects
	}
	return objects
}

func (o *kind) entry(name string) *entry {
	e, found := o.entries[name]
	if !found {
		e = newEntry()
		o.entries[name] = e
	}
	return e
}

// begin begins to watch an object, if nobody did.
func (c *cache) begin(ctx context.Context, k key, e *entry) {
	if _, state, _ := e.now(); state != unwatched {
		return
	}
	objects := c.kind(k.kindKey)
	switch {
	case k.resource.Resource == "secrets":
		e.change(func() { e.watch = ended })
	case objects.all == nil && (objects.refused || objects.single < manyObjects):
		c.watchOne(ctx, k, objects, e)
	default:
		if objects.all == nil {
			c.watchAll(ctx, k.kindKey, objects)
		}
		e.change(func() { objects.all.take(k, e) })
	}
}

// take has an entry listen to the watch of all.
func (a *allOfKind) take(k key, e *entry) {
	e.feed, e.watch = a.feed, a.watch
	if a.version != "" {
		e.put(a.objects[k.path()], a.version)
	}
}

// watchOne watches an object alone.
func (c *cache) watchOne(ctx context.Context, k key, objects *kind, e *entry) {
	ctx, stop := context.WithCancel(ctx)
	from := &feed{stop}
	objects.single++
	e.change(func() { e.feed, e.watch = from, opening })
	what := c.cluster.followOne(k)
	what.opened = func(is bool) { e.hear(from, func() { e.setOpen(is) }) }
	go func() {
		_ = what.follow(ctx, func(all map[string]map[string]any, now event) (bool, error) {
			e.hear(from, func() { e.put(all[k.path()], now.version) })
			return false, nil
		})
		e.hear(from, func() { e.watch = ended })
	}()
}

// watchAll watches all objects of a kind in a namespace. Those that are watched alone
// listen to it as soon as it works.
func (c *cache) watchAll(ctx context.Context, k kindKey, objects *kind) {
	ctx, stop := context.WithCancel(ctx)
	a := &allOfKind{feed: &feed{stop}, watch: opening}
	objects.all = a
	what := following{Cluster: c.cluster, ref: Ref{Kind: k.resource.Resource, Namespace: k.namespace}, resource: k.resource}
	what.opened = func(is bool) { c.openedAll(k, objects, a, is) }
	go func() {
		_ = what.follow(ctx, func(all map[string]map[string]any, now event) (bool, error) {
			c.seeAll(k, objects, a, all, now)
			return false, nil
		})
		c.refuseAll(ctx, k, objects, a)
	}()
}

// seeAll takes in what the watch of all says.
func (c *cache) seeAll(k kindKey, objects *kind, a *allOfKind, all map[string]map[string]any, now event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a.version = now.version
	tell := func(name string, e *entry) {
		path := key{k, name}.path()
		e.hear(a.feed, func() { e.put(a.objects[path], now.version) })
	}
	if now.of == "" {
		a.objects = maps.Clone(all)
		for name, e := range objects.entries {
			tell(name, e)
		}
		return
	}
	if object, found := all[now.of]; found {
		a.objects[now.of] = object
	} else {
		delete(a.objects, now.of)
	}
	name := now.of[len(k.namespace)+1:]
	if e, used := objects.entries[name]; used {
		tell(name, e)
	}
}

// openedAll takes in whether the watch of all works.
func (c *cache) openedAll(k kindKey, objects *kind, a *allOfKind, is bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if objects.all != a {
		return
	}
	a.watch = broken
	if is {
		a.watch = open
	}
	for name, e := range objects.entries {
		e.mu.Lock()
		alone := e.feed
		e.mu.Unlock()
		switch {
		case alone == nil:
		case alone == a.feed:
			e.hear(a.feed, func() { e.setOpen(is) })
		case is:
			alone.stop()
			objects.single--
			e.change(func() { a.take(key{k, name}, e) })
		}
	}
}

// refuseAll takes in that all objects cannot be watched: each is watched alone again.
func (c *cache) refuseAll(ctx context.Context, k kindKey, objects *kind, a *allOfKind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil || objects.all != a {
		return // nobody uses it any more
	}
	objects.all, objects.refused = nil, true
	for name, e := range objects.entries {
		e.mu.Lock()
		listens := e.feed == a.feed
		e.mu.Unlock()
		if listens {
			c.watchOne(context.WithoutCancel(ctx), key{k, name}, objects, e)
		}
	}
	a.stop()
}

// older says whether a version is older than another, as far as they can be compared.
func older(version, than string) bool {
	order, err := resourceversion.CompareResourceVersion(version, than)
	return err == nil && order < 0
}
