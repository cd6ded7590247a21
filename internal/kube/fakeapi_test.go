package kube

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"
)

// fakeAPI is an API server in memory. Tests under testing/synctest use it, because the
// clock there stands still while a real connection is open. It keeps what real ones do about versions,
// UIDs, preconditions and watches, which the integration tests hold against a real one.
type fakeAPI struct {
	// before may answer a request instead of the server; nil, nil leaves it to the server.
	before func(r *http.Request) (*http.Response, error)

	mu       sync.Mutex
	version  int
	objects  map[string]map[string]any // by path
	watches  map[*fakeWatch]bool
	requests []string // method and path, "WATCH" for a watch
	mute     bool     // watches say nothing
}

type fakeWatch struct {
	path, name string
	events     *io.PipeWriter
	queue      chan []byte
}

// fakeKinds are what it serves, by group and version.
var fakeKinds = map[string]map[string]string{
	"v1":                        {"configmaps": "ConfigMap", "secrets": "Secret", "pods": "Pod"},
	"apps/v1":                   {"deployments": "Deployment"},
	"coordination.k8s.io/v1":    {"leases": "Lease"},
	"getambassador.io/v3alpha1": {"mappings": "Mapping"},
}

// newFake is a cluster in memory.
func newFake(t *testing.T, options Options) (*Cluster, *fakeAPI) {
	t.Helper()
	api := &fakeAPI{objects: map[string]map[string]any{}, watches: map[*fakeWatch]bool{}}
	return api.connect(t, options), api
}

func (a *fakeAPI) connect(t *testing.T, options Options) *Cluster {
	t.Helper()
	c, err := newCluster(&rest.Config{Host: "http://fake:6443", Transport: a}, options)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// intercept sets before.
func (a *fakeAPI) intercept(before func(r *http.Request) (*http.Response, error)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.before = before
}

func (a *fakeAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	watch := r.URL.Query().Get("watch") == "true"
	what := r.Method
	if watch {
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
	if watch {
		return a.watch(r), nil
	}
	code, answer := a.serve(r)
	return jsonResponse(code, answer), nil
}

func jsonResponse(code int, answer any) *http.Response {
	text, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	return &http.Response{StatusCode: code, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(text))}
}

func fakeStatus(code int, reason, kind, name string) map[string]any {
	return map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
		"message": fmt.Sprintf("%s %q: %s", kind, name, reason), "details": map[string]any{"kind": kind, "name": name}}
}

// serve answers a request that is no watch.
func (a *fakeAPI) serve(r *http.Request) (int, any) {
	if answer := discover(r.URL.Path); answer != nil {
		return http.StatusOK, answer
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	at := slices.Index(parts, "namespaces")
	if at < 0 || len(parts) < at+3 {
		return http.StatusNotFound, fakeStatus(404, "NotFound", "", "")
	}
	plural := parts[at+2]
	list := "/" + strings.Join(parts[:at+3], "/")
	if len(parts) == at+3 && r.Method == http.MethodGet {
		return http.StatusOK, a.list(list, r)
	}
	body := map[string]any{}
	if r.Body != nil {
		_ = json.NewDecoder(r.Body).Decode(&body)
	}
	name := parts[len(parts)-1]
	if len(parts) == at+3 {
		name, _ = body["metadata"].(map[string]any)["name"].(string)
	}
	path := list + "/" + name
	old := a.objects[path]
	switch {
	case r.Method == http.MethodPost && old != nil:
		return http.StatusConflict, fakeStatus(409, "AlreadyExists", plural, name)
	case r.Method != http.MethodPost && old == nil:
		return http.StatusNotFound, fakeStatus(404, "NotFound", plural, name)
	case r.Method == http.MethodGet:
		return http.StatusOK, old
	case r.Method == http.MethodDelete:
		wanted, _ := body["preconditions"].(map[string]any)
		for key, field := range map[string]string{"uid": "uid", "resourceVersion": "resourceVersion"} {
			if w, given := wanted[key].(string); given && w != metaOf(old)[field] {
				return http.StatusConflict, fakeStatus(409, "Conflict", plural, name)
			}
		}
		a.remove(path)
		return http.StatusOK, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Success"}
	case r.Method == http.MethodPatch:
		body = merged(old, body)
	}
	if v, given := metaOf(body)["resourceVersion"].(string); old != nil && given && v != metaOf(old)["resourceVersion"] {
		return http.StatusConflict, fakeStatus(409, "Conflict", plural, name)
	}
	if old != nil {
		metaOf(body)["uid"] = metaOf(old)["uid"]
	}
	return http.StatusOK, a.put(path, body)
}

func metaOf(object map[string]any) map[string]any {
	m, _ := object["metadata"].(map[string]any)
	return m
}

// put stores an object and tells the watches.
func (a *fakeAPI) put(path string, object map[string]any) map[string]any {
	a.version++
	object = deepCopy(object)
	if metaOf(object)["uid"] == nil {
		metaOf(object)["uid"] = fmt.Sprint("uid-", a.version)
	}
	metaOf(object)["resourceVersion"] = strconv.Itoa(a.version)
	event := "MODIFIED"
	if a.objects[path] == nil {
		event = "ADDED"
	}
	a.objects[path] = object
	a.tell(event, path, object)
	return object
}

func (a *fakeAPI) remove(path string) {
	object := deepCopy(a.objects[path])
	a.version++
	metaOf(object)["resourceVersion"] = strconv.Itoa(a.version)
	delete(a.objects, path)
	a.tell("DELETED", path, object)
}

func deepCopy(object map[string]any) map[string]any {
	text, err := json.Marshal(object)
	if err != nil {
		panic(err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		panic(err)
	}
	return out
}

// edit changes an object as somebody else does.
func (a *fakeAPI) edit(path string, change func(object map[string]any)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	object := deepCopy(a.objects[path])
	change(object)
	a.put(path, object)
}

// drop deletes an object as somebody else does.
func (a *fakeAPI) drop(path string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.remove(path)
}

// get is an object as it is stored; nil when there is none.
func (a *fakeAPI) get(path string) map[string]any {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.objects[path]
}

// count counts requests that begin with a text.
func (a *fakeAPI) count(prefix string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.requests {
		if strings.HasPrefix(r, prefix) {
			n++
		}
	}
	return n
}

func (a *fakeAPI) list(path string, r *http.Request) map[string]any {
	selector, err := labels.Parse(r.URL.Query().Get("labelSelector"))
	if err != nil {
		panic(err)
	}
	name := strings.TrimPrefix(r.URL.Query().Get("fieldSelector"), "metadata.name=")
	items := []any{}
	for _, key := range slices.Sorted(maps.Keys(a.objects)) {
		object := a.objects[key]
		set := labels.Set{}
		given, _ := metaOf(object)["labels"].(map[string]any)
		for k, v := range given {
			set[k], _ = v.(string)
		}
		if strings.HasPrefix(key, path+"/") && selector.Matches(set) && (name == "" || name == metaOf(object)["name"]) {
			items = append(items, object)
		}
	}
	return map[string]any{"kind": "List", "apiVersion": "v1", "metadata": map[string]any{"resourceVersion": strconv.Itoa(a.version)}, "items": items}
}

// watch begins a watch, which ends with its request.
func (a *fakeAPI) watch(r *http.Request) *http.Response {
	out, in := io.Pipe()
	w := &fakeWatch{path: r.URL.Path, name: strings.TrimPrefix(r.URL.Query().Get("fieldSelector"), "metadata.name="), events: in, queue: make(chan []byte, 1000)}
	a.watches[w] = true
	go func() {
		defer in.Close()
		for {
			select {
			case text := <-w.queue:
				if _, err := in.Write(text); err != nil {
					return
				}
			case <-r.Context().Done():
				a.mu.Lock()
				defer a.mu.Unlock()
				delete(a.watches, w)
				return
			}
		}
	}()
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: out}
}

// tell tells the watches of an event, unless they are mute.
func (a *fakeAPI) tell(event, path string, object map[string]any) {
	for w := range a.watches {
		if a.mute || !strings.HasPrefix(path, w.path+"/") || w.name != "" && path != w.path+"/"+w.name {
			continue
		}
		text, err := json.Marshal(map[string]any{"type": event, "object": object})
		if err != nil {
			panic(err)
		}
		w.queue <- append(text, '\n')
	}
}

// bookmark tells all watches that nothing has changed.
func (a *fakeAPI) bookmark() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for w := range a.watches {
		w.queue <- fmt.Appendf(nil, `{"type": "BOOKMARK", "object": {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"resourceVersion": "%d"}}}`+"\n", a.version)
	}
}

// discover answers questions for what is served; nil for other paths.
func discover(path string) any {
	groups := []any{}
	for _, served := range slices.Sorted(maps.Keys(fakeKinds)) {
		group, version, named := strings.Cut(served, "/")
		root := "/apis/" + served
		if !named {
			root = "/api/v1"
		} else {
			v := map[string]any{"groupVersion": served, "version": version}
			groups = append(groups, map[string]any{"name": group, "versions": []any{v}, "preferredVersion": v})
		}
		if path != root {
			continue
		}
		resources := []any{}
		for plural, kind := range fakeKinds[served] {
			resources = append(resources, map[string]any{"name": plural, "kind": kind, "namespaced": true, "verbs": []string{"get"}})
		}
		return map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": served, "resources": resources}
	}
	switch path {
	case "/api":
		return map[string]any{"kind": "APIVersions", "versions": []string{"v1"}}
	case "/apis":
		return map[string]any{"kind": "APIGroupList", "groups": groups}
	}
	return nil
}
