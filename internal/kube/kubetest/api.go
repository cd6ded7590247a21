// Package kubetest is an API server in memory, for tests with thousands of requests or
// with a clock of their own, and for the demo.
package kubetest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/labels"
)

// API is an API server in memory that serves as the transport of a client. It is for
// tests under testing/synctest, whose clock stands still while a real connection is
// open. Versions, UIDs, preconditions and watches behave as on a real server, which the
// integration tests check. It does not track the owners of fields.
type API struct {
	// Settle, if not nil, changes each stored object as a controller would. It is
	// called with the lock held.
	Settle func(object map[string]any)
	// Also holds the kinds that are served besides the usual ones, as kinds does. It must
	// not change after the first request.
	Also map[string]map[string]string

	mu       sync.Mutex
	before   func(r *http.Request) (*http.Response, error)
	version  int
	objects  map[string]map[string]any // by path
	events   []event
	watches  map[*watch]bool
	requests []string // method and path, "WATCH" for a watch
	mute     bool     // watches send nothing
}

// New returns an API server without objects.
func New() *API {
	return &API{objects: map[string]map[string]any{}, watches: map[*watch]bool{}}
}

// Intercept makes before answer requests instead of the server. If before returns nil,
// nil, the server answers.
func (a *API) Intercept(before func(r *http.Request) (*http.Response, error)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.before = before
}

// RoundTrip implements http.RoundTripper.
func (a *API) RoundTrip(r *http.Request) (*http.Response, error) {
	watched := r.URL.Query().Get("watch") == "true"
	what := r.Method
	if watched {
		what = "WATCH"
	}
	a.mu.Lock()
	a.requests = append(a.requests, what+" "+r.URL.Path)
	before := a.before
	a.mu.Unlock()
	if before != nil {
		if response, err := before(r); response != nil || err != nil {
			return response, err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if watched {
		return a.watch(r), nil
	}
	code, answer := a.serve(r)
	return Answer(code, answer), nil
}

// Serve carries out a request and drops the answer.
func (a *API) Serve(r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.serve(r)
}

// Answer returns a response with JSON.
func Answer(code int, answer any) *http.Response {
	text := string(encode(answer))
	return &http.Response{StatusCode: code, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text))}
}

// Status returns the Status of a failed request.
func Status(code int, reason, kind, name string) map[string]any {
	return map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
		"message": fmt.Sprintf("%s %q: %s", kind, name, reason), "details": map[string]any{"kind": kind, "name": name}}
}

// target identifies what a request is about.
type target struct {
	list, plural, name string
	dryRun, apply      bool
	body               map[string]any
}

func (t target) path() string { return t.list + "/" + t.name }

// serve answers a request other than a watch.
func (a *API) serve(r *http.Request) (int, any) {
	if answer := a.discover(r.URL.Path); answer != nil {
		return http.StatusOK, answer
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	at := slices.Index(parts, "namespaces")
	if at < 0 && r.Method == http.MethodGet { // a list of all namespaces
		return http.StatusOK, a.list(strings.TrimSuffix(r.URL.Path, parts[len(parts)-1])+"namespaces/*/"+parts[len(parts)-1], r)
	}
	if at >= 0 && len(parts) <= at+2 && r.Method == http.MethodGet {
		return a.namespaces(r, parts[at+1:])
	}
	if parts[len(parts)-1] == "selfsubjectaccessreviews" { // everybody may do everything
		return http.StatusCreated, map[string]any{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "status": map[string]any{"allowed": true}}
	}
	if at < 0 || len(parts) < at+3 {
		return http.StatusNotFound, Status(404, "NotFound", "", "")
	}
	to := target{
		list: "/" + strings.Join(parts[:at+3], "/"), plural: parts[at+2], name: parts[len(parts)-1], body: map[string]any{},
		dryRun: r.URL.Query().Get("dryRun") == "All", apply: r.Header.Get("Content-Type") == "application/apply-patch+yaml",
	}
	if len(parts) == at+3 && r.Method == http.MethodGet {
		return http.StatusOK, a.list(to.list, r)
	}
	if r.Body != nil {
		_ = json.NewDecoder(r.Body).Decode(&to.body)
	}
	if len(parts) == at+3 {
		to.name, _ = Meta(to.body)["name"].(string)
	}
	return a.do(r.Method, to)
}

// namespaces reads a namespace, or lists all. It knows those that were put.
func (a *API) namespaces(r *http.Request, name []string) (int, any) {
	if len(name) == 0 {
		return http.StatusOK, a.list(strings.TrimSuffix(r.URL.Path, "/"), r)
	}
	return a.do(r.Method, target{list: path.Dir(r.URL.Path), plural: "namespaces", name: name[0]})
}

// do reads or writes one object.
func (a *API) do(method string, to target) (int, any) {
	old, body := a.objects[to.path()], to.body
	switch {
	case method == http.MethodPost && old != nil:
		return http.StatusConflict, Status(409, "AlreadyExists", to.plural, to.name)
	case method != http.MethodPost && old == nil && !to.apply:
		return http.StatusNotFound, Status(404, "NotFound", to.plural, to.name)
	case method == http.MethodGet:
		return http.StatusOK, old
	case method == http.MethodDelete:
		return a.delete(to, old)
	case method == http.MethodPatch && old != nil:
		body = Copy(patched(old, body)) // others read the old metadata without the lock
	}
	if v, given := Meta(body)["resourceVersion"].(string); old != nil && given && v != Meta(old)["resourceVersion"] {
		return http.StatusConflict, Status(409, "Conflict", to.plural, to.name)
	}
	if old != nil {
		if field, value := changedForGood(to.plural, old, body); field != "" {
			return http.StatusUnprocessableEntity, invalid(to, field, value)
		}
		Meta(body)["uid"] = Meta(old)["uid"]
	}
	if to.dryRun {
		return http.StatusOK, body
	}
	return http.StatusOK, a.put(to.path(), body)
}

func (a *API) delete(to target, old map[string]any) (int, any) {
	wanted, _ := to.body["preconditions"].(map[string]any)
	for _, field := range []string{"uid", "resourceVersion"} {
		if w, given := wanted[field].(string); given && w != Meta(old)[field] {
			return http.StatusConflict, Status(409, "Conflict", to.plural, to.name)
		}
	}
	a.remove(to.path())
	return http.StatusOK, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Success"}
}

// patched applies a merge patch (RFC 7386) to an object.
func patched(old, patch map[string]any) map[string]any {
	out := maps.Clone(old)
	for name, value := range patch {
		inner, isObject := value.(map[string]any)
		outer, wasObject := out[name].(map[string]any)
		switch {
		case value == nil:
			delete(out, name)
		case isObject && wasObject:
			out[name] = patched(outer, inner)
		default:
			out[name] = value
		}
	}
	return out
}

// Meta returns the metadata of an object.
func Meta(object map[string]any) map[string]any {
	m, _ := object["metadata"].(map[string]any)
	return m
}

// put stores an object and notifies the watches.
func (a *API) put(path string, object map[string]any) map[string]any {
	a.version++
	object = Copy(object)
	if Meta(object)["uid"] == nil {
		Meta(object)["uid"] = fmt.Sprint("uid-", a.version)
	}
	Meta(object)["resourceVersion"] = strconv.Itoa(a.version)
	if a.Settle != nil {
		a.Settle(object)
	}
	kind := "MODIFIED"
	if a.objects[path] == nil {
		kind = "ADDED"
	}
	a.objects[path] = object
	a.notify(event{a.version, kind, path, object})
	return object
}

func (a *API) remove(path string) {
	object := Copy(a.objects[path])
	a.version++
	Meta(object)["resourceVersion"] = strconv.Itoa(a.version)
	delete(a.objects, path)
	a.notify(event{a.version, "DELETED", path, object})
}

// Copy returns a deep copy of an object, as a client would decode it.
func Copy(object map[string]any) map[string]any {
	var out map[string]any
	if err := json.Unmarshal(encode(object), &out); err != nil {
		panic(err)
	}
	return out
}

func encode(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}

// Put stores an object like another client.
func (a *API) Put(path string, object map[string]any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.put(path, object)
}

// Edit changes an object like another client. Without the object it does nothing.
func (a *API) Edit(path string, change func(object map[string]any)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.objects[path] == nil {
		return
	}
	object := Copy(a.objects[path])
	change(object)
	a.put(path, object)
}

// Drop deletes an object like another client.
func (a *API) Drop(path string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.remove(path)
}

// Get returns a stored object; nil if there is none.
func (a *API) Get(path string) map[string]any {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.objects[path]
}

// Version returns the version of the last write.
func (a *API) Version() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.version
}

// Under returns the objects whose paths begin with prefix, by path.
func (a *API) Under(prefix string) map[string]map[string]any {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[string]map[string]any{}
	for path, object := range a.objects {
		if strings.HasPrefix(path, prefix) {
			out[path] = object
		}
	}
	return out
}

// Count counts the requests that begin with prefix.
func (a *API) Count(prefix string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.requests {
		if strings.HasPrefix(r, prefix) {
			n++
		}
	}
	return n
}

// Requests returns all requests so far: method and path, with WATCH for a watch.
func (a *API) Requests() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.requests)
}

func (a *API) list(pattern string, r *http.Request) map[string]any {
	selected := selection(r)
	items := []any{}
	for _, key := range slices.Sorted(maps.Keys(a.objects)) {
		if in, _ := path.Match(pattern+"/*", key); in && selected(a.objects[key]) {
			items = append(items, a.objects[key])
		}
	}
	return map[string]any{"kind": "List", "apiVersion": "v1", "metadata": map[string]any{"resourceVersion": strconv.Itoa(a.version)}, "items": items}
}

// selection returns a function that reports whether a request selects an object, by
// label or by name.
func selection(r *http.Request) func(object map[string]any) bool {
	selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		panic(err)
	}
	name := strings.TrimPrefix(r.URL.Query().Get("fieldSelector"), "metadata.name=")
	return func(object map[string]any) bool {
		set := labels.Set{}
		given, _ := Meta(object)["labels"].(map[string]any)
		for k, v := range given {
			set[k], _ = v.(string)
		}
		return selector.Matches(set) && (name == "" || name == Meta(object)["name"])
	}
}
