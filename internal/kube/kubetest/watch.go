package kubetest

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// event is what has happened to an object.
type event struct {
	version    int
	kind, path string
	object     map[string]any
}

// watch is one that is open.
type watch struct {
	path     string // of the list
	selected func(object map[string]any) bool
	pending  [][]byte      // API.mu guards it
	wake     chan struct{} // there is something pending
}

// watch begins a watch, which ends with its request. Without a version it begins with
// what is there, and with one with what happened since.
func (a *API) watch(r *http.Request) *http.Response {
	out, in := io.Pipe()
	w := &watch{path: r.URL.Path, selected: selection(r), wake: make(chan struct{}, 1)}
	if since, err := strconv.Atoi(r.URL.Query().Get("resourceVersion")); err == nil && since > 0 {
		for _, e := range a.events {
			if e.version > since {
				w.tell(e)
			}
		}
	} else {
		for _, path := range slices.Sorted(maps.Keys(a.objects)) {
			w.tell(event{0, "ADDED", path, a.objects[path]})
		}
	}
	a.watches[w] = true
	go a.send(r, w, in)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: out}
}

// send writes what is pending until the request ends.
func (a *API) send(r *http.Request, w *watch, in *io.PipeWriter) {
	defer in.Close()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.watches, w)
	}()
	for {
		select {
		case <-w.wake:
		case <-r.Context().Done():
			return
		}
		a.mu.Lock()
		pending := w.pending
		w.pending = nil
		a.mu.Unlock()
		for _, text := range pending {
			if _, err := in.Write(text); err != nil {
				return
			}
		}
	}
}

// tell tells of an event, if it is about what is watched. What is not selected any more
// is gone for whoever watches.
func (w *watch) tell(e event) {
	if !strings.HasPrefix(e.path, w.path+"/") {
		return
	}
	if !w.selected(e.object) {
		if e.kind != "MODIFIED" {
			return
		}
		e.kind = "DELETED"
	}
	w.add(append(encode(map[string]any{"type": e.kind, "object": e.object}), '\n'))
}

func (w *watch) add(text []byte) {
	w.pending = append(w.pending, text)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// tell tells the watches of an event, unless they are mute.
func (a *API) tell(e event) {
	a.events = append(a.events, e)
	for w := range a.watches {
		if !a.mute {
			w.tell(e)
		}
	}
}

// Mute has watches say nothing.
func (a *API) Mute(mute bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mute = mute
}

// Bookmark tells all watches that nothing has changed.
func (a *API) Bookmark() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for w := range a.watches {
		w.add(fmt.Appendf(nil, `{"type": "BOOKMARK", "object": {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"resourceVersion": "%d"}}}`+"\n", a.version))
	}
}

// Watches are how many watches are open, by the path of their lists.
func (a *API) Watches() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[string]int{}
	for w := range a.watches {
		out[w.path]++
	}
	return out
}
