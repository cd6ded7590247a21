package kube

import (
	"context"
	"maps"

	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// manyObjects is the number of objects of a kind in a namespace from which one watch
// serves them all. A single release has fewer, and never lists a large namespace.
const manyObjects = 16

// kind holds the entries of a kind in a namespace. The mutex of the cache guards it.
type kind struct {
	entries map[string]*entry // by name
	single  int               // entries with a watch of their own
	all     *allOfKind        // nil while each entry has its own watch
	refused bool              // the permission to watch all is missing
}

// allOfKind is a watch of all objects of a kind in a namespace.
type allOfKind struct {
	*feed
	watch   watchState
	objects map[string]map[string]any // by NAMESPACE/NAME
	version string                    // of objects
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

// begin starts to watch an object, unless it is watched already.
func (c *cache) begin(ctx context.Context, k key, e *entry) {
	if _, state, _ := e.now(); state != unwatched {
		return
	}
	objects := c.kind(k.kindKey)
	switch {
	case k.resource.Resource == "secrets":
		e.update(func() { e.watch = ended })
	case objects.all == nil && (objects.refused || objects.single < manyObjects):
		c.watchOne(ctx, k, objects, e)
	default:
		if objects.all == nil {
			c.watchAll(ctx, k.kindKey, objects)
		}
		e.update(func() { objects.all.attach(k, e) })
	}
}

// attach makes the shared watch the feed of an entry.
func (a *allOfKind) attach(k key, e *entry) {
	e.feed, e.watch = a.feed, a.watch
	if a.version != "" {
		e.put(a.objects[k.path()], a.version)
	}
}

// watchOne starts a watch of one object.
func (c *cache) watchOne(ctx context.Context, k key, objects *kind, e *entry) {
	ctx, stop := context.WithCancel(ctx)
	from := &feed{stop}
	objects.single++
	e.update(func() { e.feed, e.watch = from, opening })
	what := c.cluster.followOne(k)
	what.opened = func(is bool) { e.updateFrom(from, func() { e.setOpen(is) }) }
	go func() {
		_ = what.follow(ctx, func(all map[string]map[string]any, now event) (bool, error) {
			e.updateFrom(from, func() { e.put(all[k.path()], now.version) })
			return false, nil
		})
		e.updateFrom(from, func() { e.watch = ended })
	}()
}

// watchAll starts a watch of all objects of a kind in a namespace. Entries with their
// own watch change to it as soon as it works.
func (c *cache) watchAll(ctx context.Context, k kindKey, objects *kind) {
	ctx, stop := context.WithCancel(ctx)
	a := &allOfKind{feed: &feed{stop}, watch: opening}
	objects.all = a
	what := following{Cluster: c.cluster, ref: Ref{Kind: k.resource.Resource, Namespace: k.namespace}, resource: k.resource}
	what.opened = func(is bool) { c.openedAll(k, objects, a, is) }
	go func() {
		_ = what.follow(ctx, func(all map[string]map[string]any, now event) (bool, error) {
			c.applyAll(k, objects, a, all, now)
			return false, nil
		})
		c.refuseAll(ctx, k, objects, a)
	}()
}

// applyAll updates the entries after an event of the shared watch.
func (c *cache) applyAll(k kindKey, objects *kind, a *allOfKind, all map[string]map[string]any, now event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a.version = now.version
	update := func(name string, e *entry) {
		path := key{k, name}.path()
		e.updateFrom(a.feed, func() { e.put(a.objects[path], now.version) })
	}
	if now.of == "" {
		a.objects = maps.Clone(all)
		for name, e := range objects.entries {
			update(name, e)
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
		update(name, e)
	}
}

// openedAll records whether the shared watch works.
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
			e.updateFrom(a.feed, func() { e.setOpen(is) })
		case is:
			alone.stop()
			objects.single--
			e.update(func() { a.attach(key{k, name}, e) })
		}
	}
}

// refuseAll records that the shared watch is not allowed, and gives each entry its own
// watch again.
func (c *cache) refuseAll(ctx context.Context, k kindKey, objects *kind, a *allOfKind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil || objects.all != a {
		return // it has no users left
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

// older reports whether a version is older than another; false if they cannot be
// compared.
func older(version, than string) bool {
	order, err := resourceversion.CompareResourceVersion(version, than)
	return err == nil && order < 0
}
