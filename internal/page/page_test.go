package page

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// hostile is the name of a release that wants to be a program.
const hostile = `</script><script>alert(1)</script><img src=x onerror=alert(2)>`

// served is a server with what a test changes and sees.
type served struct {
	*Server
	weight atomic.Int64
	frames atomic.Int64 // how often somebody asked
	report atomic.Value // []byte

	mu   sync.Mutex
	done []Act
}

func (s *served) deeds() []Act { s.mu.Lock(); defer s.mu.Unlock(); return s.done }

func serve(t *testing.T) *served {
	t.Helper()
	s := &served{}
	s.report.Store([]byte(nil))
	var err error
	s.Server, err = Serve(t.Context(), Options{Find: s.only})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func (s *served) only(id string) Release {
	if id != "" {
		return nil
	}
	return s
}

func (s *served) About() About {
	return About{Release: hostile, Groups: []Group{{Title: "all", Deeds: []Deed{{ID: "break"}, {ID: "fails"}, {ID: "closed", Off: "not now"}}}}}
}

func (s *served) Frame() Frame {
	s.frames.Add(1)
	return Frame{Headline: hostile, Weight: float64(s.weight.Load())}
}

func (s *served) Past() Past { return Past{} }

func (s *served) Do(_ context.Context, act Act) error {
	if act.Deed == "fails" {
		return errors.New("it fails")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = append(s.done, act)
	return nil
}

func (s *served) Report() []byte { text, _ := s.report.Load().([]byte); return text }

// ask sends a request and returns the answer with its body.
func ask(t *testing.T, method, address, body string, change func(*http.Request)) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

// TestLocked: nobody without the token, and no page from elsewhere, reads anything or does
// anything, at any address.
func TestLocked(t *testing.T) {
	s := serve(t)
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.report.Store([]byte("a report"))
	root := "http://" + at.Host
	for _, name := range []string{"", "index.html", "page.js", "events", "do", "report.html"} {
		for _, wrong := range []string{"/", "/" + name, "/x/" + name, "//" + s.token + "/" + name, "/" + s.token + "x/" + name, "/" + s.token[1:] + "/" + name, "/x/../" + name, "/" + strings.ToLower(s.token) + "/" + name} {
			for _, method := range []string{"GET", "POST"} {
				if answer, text := ask(t, method, root+wrong, "{}", nil); answer.StatusCode != http.StatusNotFound || strings.Contains(text, s.token) {
					t.Errorf("%s %s: %s %s", method, wrong, answer.Status, text)
				}
			}
		}
		method := http.MethodGet
		if name == "do" {
			method = http.MethodPost
		}
		body := fmt.Sprintf(`{"token": %q, "deed": "break"}`, s.token)
		for what, change := range map[string]func(*http.Request){
			"another name":      func(r *http.Request) { r.Host = "rebound.example:" + at.Port() },
			"another port":      func(r *http.Request) { r.Host = "127.0.0.1:1" },
			"no port":           func(r *http.Request) { r.Host = "127.0.0.1" },
			"a longer name":     func(r *http.Request) { r.Host = "localhost:" + at.Port() + ".rebound.example" },
			"another origin":    func(r *http.Request) { r.Header.Set("Origin", "https://rebound.example") },
			"origin null":       func(r *http.Request) { r.Header.Set("Origin", "null") },
			"origin by https":   func(r *http.Request) { r.Header.Set("Origin", "https://"+at.Host) },
			"origin other port": func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:1") },
			"two origins":       func(r *http.Request) { r.Header["Origin"] = []string{root, "http://rebound.example"} },
		} {
			answer, text := ask(t, method, s.URL+name, body, func(r *http.Request) {
				r.Header.Set("Content-Type", "application/json")
				change(r)
			})
			if answer.StatusCode != http.StatusForbidden || answer.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s, %s: %s %s", name, what, answer.Status, text)
			}
		}
	}
	if done := s.deeds(); len(done) > 0 {
		t.Errorf("done: %v", done)
	}
	if s.frames.Load() > 0 {
		t.Error("somebody was shown a frame")
	}
}

// TestOwnAddress: the page answers by both of its names, with headers that let it load
// nothing from elsewhere.
func TestOwnAddress(t *testing.T) {
	s := serve(t)
	local := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	for _, address := range []string{s.URL, local, s.URL + "page.js", s.URL + "page.css", s.URL + "look.css", s.URL + "icon.svg"} {
		answer, text := ask(t, http.MethodGet, address, "", nil)
		if answer.StatusCode != http.StatusOK || text == "" {
			t.Errorf("%s: %s", address, answer.Status)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"} {
			if got := answer.Header.Get(name); got != want {
				t.Errorf("%s: %s: %q", address, name, got)
			}
		}
		csp := answer.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'self';") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: Content-Security-Policy: %q", address, csp)
		}
	}
	for _, secret := range []string{"assets/page.js", "../server.go", "%2e%2e/server.go", "missing.js", "page"} {
		if answer, _ := ask(t, http.MethodGet, s.URL+secret, "", nil); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", secret, answer.Status)
		}
	}
	for method, name := range map[string]string{"PUT": "", "DELETE": "events", "GET": "do", "OPTIONS": "do"} {
		if answer, _ := ask(t, method, s.URL+name, "", nil); answer.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: %s", method, name, answer.Status)
		}
	}
}

// TestNoInline: nothing in the page needs what the policy forbids, and no script writes
// HTML or loads something from elsewhere.
func TestNoInline(t *testing.T) {
	files, err := assets.ReadDir("assets")
	if err != nil {
		t.Fatal(err)
	}
	forbidden := regexp.MustCompile(`(?i)innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\sstyle="|\son[a-z]+="|<style|<script[^>]*>[^<]|javascript:|https?://(www\.w3\.org/2000/svg)?`)
	for _, f := range files {
		text, err := assets.ReadFile("assets/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range forbidden.FindAllString(string(text), -1) {
			if found != "http://www.w3.org/2000/svg" { // a name, not an address
				t.Errorf("%s: %s", f.Name(), found)
			}
		}
	}
}

// TestReport: the report comes once there is one, and cannot run a script.
func TestReport(t *testing.T) {
	s := serve(t)
	if answer, _ := ask(t, http.MethodGet, s.URL+"report.html", "", nil); answer.StatusCode != http.StatusNotFound {
		t.Errorf("before the end: %s", answer.Status)
	}
	s.report.Store([]byte("<!doctype html><p>the report"))
	answer, text := ask(t, http.MethodGet, s.URL+"report.html", "", nil)
	csp := answer.Header.Get("Content-Security-Policy")
	if text != "<!doctype html><p>the report" || !strings.HasPrefix(csp, "default-src 'none';") || strings.Contains(csp, "script-src") {
		t.Errorf("%s %q %s", answer.Status, csp, text)
	}
}

// TestDo: a deed needs the token in its body, the right type, and a button.
func TestDo(t *testing.T) {
	s := serve(t)
	own := func(deed string) string { return fmt.Sprintf(`{"token": %q, "deed": %q}`, s.token, deed) }
	for _, c := range []struct {
		what, kind, body string
		want             int
	}{
		{"no token", "application/json", `{"deed": "break"}`, http.StatusForbidden},
		{"another token", "application/json", `{"token": "x", "deed": "break"}`, http.StatusForbidden},
		{"a form", "application/x-www-form-urlencoded", own("break"), http.StatusUnsupportedMediaType},
		{"plain text", "text/plain", own("break"), http.StatusUnsupportedMediaType},
		{"no type", "", own("break"), http.StatusUnsupportedMediaType},
		{"too large", "application/json", `{"token": "` + strings.Repeat("x", 1<<20) + `"}`, http.StatusRequestEntityTooLarge},
		{"large behind it", "application/json", own("break") + strings.Repeat(" ", 1<<20), http.StatusRequestEntityTooLarge},
		{"two objects", "application/json", own("break") + own("break"), http.StatusBadRequest},
		{"another field", "application/json", `{"token": "x", "deed": "break", "more": 1}`, http.StatusBadRequest},
		{"no JSON", "application/json", `break`, http.StatusBadRequest},
		{"nothing", "application/json", ``, http.StatusBadRequest},
		{"no such deed", "application/json", own("other"), http.StatusConflict},
		{"not possible", "application/json", own("closed"), http.StatusConflict},
		{"no such release", "application/json", fmt.Sprintf(`{"token": %q, "release": "shop/other", "deed": "break"}`, s.token), http.StatusNotFound},
		{"a long reason", "application/json", fmt.Sprintf(`{"token": %q, "deed": "break", "why": %q}`, s.token, strings.Repeat("ä", maxWhy+1)), http.StatusBadRequest},
		{"it fails", "application/json", own("fails"), http.StatusConflict},
		{"it works", "application/json; charset=utf-8", fmt.Sprintf(`{"token": %q, "deed": "break", "seen": "yesterday", "why": " %s\n"}`, s.token, strings.Repeat("ä", 300-5)), http.StatusNoContent},
	} {
		answer, text := ask(t, http.MethodPost, s.URL+"do", c.body, func(r *http.Request) {
			r.Header.Set("Content-Type", c.kind)
			r.Header.Set("Origin", "http://"+s.hosts[0])
		})
		if answer.StatusCode != c.want {
			t.Errorf("%s: %s %s", c.what, answer.Status, text)
		}
	}
	if done, want := s.deeds(), (Act{Deed: "break", Seen: "yesterday", Why: strings.Repeat("ä", 300-5)}); len(done) != 1 || done[0] != want {
		t.Errorf("done: %v", done)
	}
}

// sent is a server-sent event.
type sent struct{ Event, Data string }

// watch opens a stream.
func watch(t *testing.T, ctx context.Context, s *Server) (next func() (sent, error)) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"events", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if kind := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || kind != "text/event-stream" {
		t.Fatalf("%s %s", answer.Status, kind)
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	return func() (e sent, err error) {
		for lines.Scan() {
			switch name, value, _ := strings.Cut(lines.Text(), ": "); name {
			case "event":
				e.Event = value
			case "data":
				e.Data = value
			case "":
				return e, nil
			}
		}
		return e, errors.Join(io.EOF, lines.Err())
	}
}

// until returns the next event of a name.
func until(t *testing.T, next func() (sent, error), event string) string {
	t.Helper()
	for {
		e, err := next()
		if err != nil {
			t.Fatalf("waiting for %s: %v", event, err)
		}
		if e.Event == event {
			return e.Data
		}
	}
}

// TestStream: a visitor gets everything at once, later only what changed, and everything
// again after a lost connection. The stream says when it is over.
func TestStream(t *testing.T) {
	s := serve(t)
	ctx, leave := context.WithCancel(t.Context())
	for range 2 { // the second time after a lost connection
		next := watch(t, ctx, s.Server)
		for _, want := range []string{"about", "past", "frame"} {
			e, err := next()
			if err != nil || e.Event != want {
				t.Fatalf("%v %v, not %s", e, err, want)
			}
			if strings.ContainsAny(e.Data, "<>") || strings.Contains(e.Data, s.token) {
				t.Errorf("%s: %s", e.Event, e.Data)
			}
		}
		weight := s.weight.Add(1)
		var f Frame
		if err := json.Unmarshal([]byte(until(t, next, "frame")), &f); err != nil || f.Weight != float64(weight) || f.Headline != hostile {
			t.Errorf("%v %+v", err, f)
		}
		leave()
		if _, err := next(); err == nil {
			t.Error("there is one more event, but nothing has changed")
		}
		ctx, leave = context.WithCancel(t.Context())
	}
	defer leave()
	next := watch(t, ctx, s.Server)
	until(t, next, "frame")
	go s.Close()
	until(t, next, "end")
	if e, err := next(); err == nil {
		t.Errorf("after the end: %v", e)
	}
}

// TestTenFrames: however fast things change, a visitor gets at most ten frames a second.
func TestTenFrames(t *testing.T) {
	s := serve(t)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				s.weight.Add(1)
				time.Sleep(time.Millisecond)
			}
		}
	}()
	began := time.Now()
	next := watch(t, t.Context(), s.Server)
	for range 6 {
		until(t, next, "frame")
	}
	if took := time.Since(began); took < 5*every {
		t.Errorf("6 frames in %s", took)
	}
}

// TestClosedTab: a closed tab leaves no goroutine, and nobody computes frames.
func TestClosedTab(t *testing.T) {
	s := serve(t)
	before := runtime.NumGoroutine()
	ctx, leave := context.WithCancel(t.Context())
	for range 5 {
		until(t, watch(t, ctx, s.Server), "frame")
	}
	leave()
	left := func() bool { return runtime.NumGoroutine() <= before && len(s.streams) == 0 }
	for i := 0; !left(); i++ {
		if i == 500 {
			t.Fatalf("%d goroutines, before %d; %d streams", runtime.NumGoroutine(), before, len(s.streams))
		}
		time.Sleep(10 * time.Millisecond)
	}
	asked := s.frames.Load()
	time.Sleep(3 * every)
	if now := s.frames.Load(); now != asked {
		t.Errorf("%d frames for nobody", now-asked)
	}
}

// TestManyTabs: forgotten tabs do not add up.
func TestManyTabs(t *testing.T) {
	s := newServer(Options{Find: (&served{}).only}, 1)
	for range maxStreams {
		s.streams <- struct{}{}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"events", nil)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable {
		t.Error(w.Code)
	}
}

// TestBusyPort: the next free port is taken, and every server has its own token.
func TestBusyPort(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	_, text, _ := net.SplitHostPort(busy.Addr().String())
	port, _ := strconv.Atoi(text)
	if port+ports > 65535 {
		t.Skip("there are no ports behind it")
	}
	o := Options{Port: port}
	one, err := Serve(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	if strings.Contains(one.URL, ":"+text+"/") || !strings.HasPrefix(one.URL, "http://127.0.0.1:") {
		t.Error(one.URL)
	}
	two, err := Serve(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	if one.token == two.token || len(one.token) < 26 {
		t.Error(one.token, two.token)
	}
	for _, wrong := range []int{-1, 65536} {
		if s, err := Serve(t.Context(), Options{Port: wrong}); err == nil {
			s.Close()
			t.Errorf("port %d", wrong)
		}
	}
}

// TestEnd: the end of the context ends the server.
func TestEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Serve(ctx, Options{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	s.Close()
	if connection, err := net.Dial("tcp", s.hosts[0]); err == nil {
		connection.Close()
		t.Error("somebody still listens")
	}
}
