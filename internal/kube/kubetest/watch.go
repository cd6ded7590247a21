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

// event is a change of an object.
type event struct {
	version    int
	kind, path string
	object     map[string]any
}

// watch is an open watch.
type watch struct {
	path     string // of the list
	selected func(object map[string]any) bool
	pending  [][]byte      // guarded by API.mu
	wake     chan struct{} // receives when pending is not empty
}

// watch opens a watch, which ends with its request. Without a version it begins with
// the existing objects, otherwise with the events since that version.
func (a *API) watch(r *http.Request) *http.Response {
	out, in := io.Pipe()
	w := &watch{path: r.URL.Path, selected: selection(r), wake: make(chan struct{}, 1)}
	if since, err := strconv.Atoi(r.URL.Query().Get("resourceVersion")); err == nil && since > 0 {
		for _, e := range a.events {
			if e.version > since {
				w.notify(e)
			}
		}
	} else {
		for _, path := range slices.Sorted(maps.Keys(a.objects)) {
			w.notify(event{0, "ADDED", path, a.objects[path]})
		}
	}
	a.watches[w] = true
	go a.send(r, w, in)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: out}
}

// send writes the pending events until the request ends.
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

// notify adds an event, if it is about a selected object. An object that no longer
// matches the selector is DELETED for this watch.
func (w *watch) notify(e event) {
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

// notify sends an event to the watches, unless they are muted.
func (a *API) notify(e event) {
	a.events = append(a.events, e)
	for w := range a.watches {
		if !a.mute {
			w.notify(e)
		}
	}
}

// Mute stops or restarts the events of all watches.
func (a *API) Mute(mute bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mute = mute
}

// Bookmark sends a bookmark to all watches.
func (a *API) Bookmark() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for w := range a.watches {
		w.add(fmt.Appendf(nil, `{"type": "BOOKMARK", "object": {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"resourceVersion": "%d"}}}`+"\n", a.version))
	}
}

// Watches returns the number of open watches, by the path of their lists.
func (a *API) Watches() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[string]int{}
	for w := range a.watches {
		out[w.path]++
	}
	return out
}
