package kube

import (
	"context"
	"errors"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// Following is c with a memory: an object that is read is watched from then on, so
// that reading it again costs no request while the watch works. It may then be as old
// as an event is under way, and older when a watch has silently stopped working; Fresh
// never is. Secrets are not watched: the permission
// to watch one is one to list them all. The watches end with ctx.
func (c *Cluster) Following(ctx context.Context) *Cluster {
	f := *c
	f.view = &view{ctx: ctx, cluster: c, sights: map[place]*sight{}}
	return &f
}

// view is what is known of objects. Its context is that of the watches, which outlast
// the calls that begin them.
type view struct {
	ctx     context.Context
	cluster *Cluster

	mu     sync.Mutex
	sights map[place]*sight
}

// place is where an object is served.
type place struct {
	resource        schema.GroupVersionResource
	namespace, name string
}

func (p place) key() string { return p.namespace + "/" + p.name }

// sight is what is known of one object.
type sight struct {
	mu      sync.Mutex
	object  map[string]any // nil where it is not there, or nothing is known
	version string         // of the newest object that was seen
	watch   watchState
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

// at is the sight of an object.
func (v *view) at(p place) *sight {
	v.mu.Lock()
	defer v.mu.Unlock()
	s, found := v.sights[p]
	if !found {
		s = &sight{changed: make(chan struct{})}
		v.sights[p] = s
	}
	return s
}

// watched is the sight of an object, of which a watch has begun.
func (v *view) watched(p place) *sight {
	s := v.at(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watch == unwatched {
		s.watch = opening
		if p.resource.Resource == "secrets" {
			s.watch = ended
		} else {
			go v.follow(p, s)
		}
	}
	return s
}

func (v *view) follow(p place, s *sight) {
	what := v.cluster.followOne(p)
	what.opened = func(is bool) {
		s.change(func() {
			s.watch = broken
			if is {
				s.watch = open
			}
		})
	}
	_ = what.follow(v.ctx, func(objects map[string]map[string]any) (bool, error) {
		s.change(func() { s.take(objects[p.key()]) })
		return false, nil
	})
	s.change(func() { s.watch = ended })
}

func (s *sight) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	close(s.changed)
	s.changed = make(chan struct{})
}

// take takes in an object, nil where it is gone, unless a newer one was seen: an
// answer to a write may come before the events of earlier ones.
func (s *sight) take(object map[string]any) {
	if object == nil {
		s.object = nil
		return
	}
	version := versionIn(object)
	if order, err := resourceversion.CompareResourceVersion(version, s.version); err == nil && order < 0 {
		return
	}
	s.object, s.version = object, version
}

func versionIn(object map[string]any) string {
	metadata, _ := object["metadata"].(map[string]any)
	version, _ := metadata["resourceVersion"].(string)
	return version
}

// now is what is known, and what will be closed when that changes.
func (s *sight) now() (object map[string]any, watch watchState, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.object, s.watch, s.changed
}

// look waits until it is known whether the watch works, and gives the object if it
// does.
func (s *sight) look(ctx context.Context) (object map[string]any, current bool) {
	for {
		object, state, changed := s.now()
		if state != opening {
			return object, state == open
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, false
		}
	}
}

// note takes in an object as the server has just given it.
func (v *view) note(p place, object map[string]any) {
	if v == nil || object == nil {
		return
	}
	s := v.at(p)
	s.change(func() { s.take(runtime.DeepCopyJSON(object)) })
}

// version is that of the newest object that was seen.
func (v *view) version(p place) string {
	if v == nil {
		return ""
	}
	s := v.at(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

// gone takes in that the server has just not found an object, unless a newer one than
// was known before it was asked came meanwhile.
func (v *view) gone(p place, before string) {
	if v == nil {
		return
	}
	s := v.at(p)
	s.change(func() {
		if s.version == before {
			s.object = nil
		}
	})
}

// read gives an object, if that is known without a request.
func (v *view) read(ctx context.Context, p place) (object map[string]any, current bool) {
	if v == nil {
		return nil, false
	}
	object, current = v.watched(p).look(ctx)
	return runtime.DeepCopyJSON(object), current
}

// last is the newest object that was seen, nil when there was none. It may have
// changed since.
func (v *view) last(p place) map[string]any {
	if v == nil {
		return nil
	}
	object, _, _ := v.at(p).now()
	return object
}

// forget ends what is known of an object: it is to be read anew.
func (v *view) forget(p place) {
	if v == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.sights, p)
}

// errNotFollowed says that an object is not watched for the view.
var errNotFollowed = errors.New("not followed")

// watch is Cluster.Watch without a request, or gives errNotFollowed.
func (v *view) watch(ctx context.Context, p place, see func(map[string]any) (bool, error)) error {
	if v == nil {
		return errNotFollowed
	}
	for s := v.watched(p); ; {
		object, state, changed := s.now()
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
