package page

import (
	"bytes"
	"context"
	"crypto/subtle"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/canarize/canarize/internal/look"
	"github.com/canarize/canarize/internal/redact"
)

//go:embed assets
var assets embed.FS

// policy lets the page load only what this server has, and lets no script write HTML.
// reportPolicy is for the report, which has its style inside and no script.
const (
	policy = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

	reportPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range map[string]string{
		"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		"Cache-Control": "no-store", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		w.Header().Set(name, value)
	}
	if !s.allowed(r) {
		http.Error(w, "this page answers only to its own address", http.StatusForbidden)
		return
	}
	token, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if !s.known(token) || !strings.HasPrefix(r.URL.Path, "/"+token+"/") {
		http.NotFound(w, r)
		return
	}
	method, handle := http.MethodGet, s.asset
	switch name {
	case "events":
		handle = s.events
	case "report.html":
		handle = s.report
	case "do":
		method, handle = http.MethodPost, s.do
	}
	if r.Method != method && (method != http.MethodGet || r.Method != http.MethodHead) {
		w.Header().Set("Allow", method)
		http.Error(w, "expected "+method, http.StatusMethodNotAllowed)
		return
	}
	handle(w, r, name)
}

// known reports whether a visitor has the token.
func (s *Server) known(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) == 1
}

// types are the media types of the assets; those of the machine may be others.
var types = map[string]string{".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// asset answers with a file of the page.
func (s *Server) asset(w http.ResponseWriter, r *http.Request, name string) {
	if name == "" {
		name = "index.html"
	}
	kind, known := types[path.Ext(name)]
	text, err := assets.ReadFile("assets/" + name)
	if name == "look.css" {
		text, err = []byte(look.CSS()), nil
	}
	if !known || err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

// release returns the release that a request names.
func (s *Server) release(r *http.Request) Release {
	return s.options.Find(r.URL.Query().Get("release"))
}

// noRelease is what a request for an unknown release is told.
const noRelease = "there is no such release"

// report answers with the report of a release.
func (s *Server) report(w http.ResponseWriter, r *http.Request, _ string) {
	release := s.release(r)
	if release == nil {
		http.Error(w, noRelease, http.StatusNotFound)
		return
	}
	text := release.Report()
	if text == nil {
		http.Error(w, "there is no report yet", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", types[".html"])
	w.Header().Set("Content-Security-Policy", reportPolicy)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

// asked is the body of a deed.
type asked struct {
	Token   string `json:"token"`
	Release string `json:"release"` // Row.ID; "" for the only one
	Deed    string `json:"deed"`
	Seen    string `json:"seen"`
	Why     string `json:"why"`
}

const (
	maxBody = 4 << 10
	maxWhy  = 300 // characters
	// patience is how long a deed may take.
	patience = 10 * time.Second
)

// do does a deed.
func (s *Server) do(w http.ResponseWriter, r *http.Request, _ string) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" { // a form of another page cannot send it
		http.Error(w, "expected application/json", http.StatusUnsupportedMediaType)
		return
	}
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(patience)); err != nil && !errors.Is(err, http.ErrNotSupported) { // a recorder of tests has none
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	var a asked
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&a)
	if err == nil {
		if _, more := decoder.Token(); !errors.Is(more, io.EOF) {
			err = errors.Join(errors.New("more than one object"), more)
		}
	}
	var large *http.MaxBytesError
	release := s.options.Find(a.Release)
	switch {
	case errors.As(err, &large):
		http.Error(w, fmt.Sprintf("more than %d bytes", maxBody), http.StatusRequestEntityTooLarge)
	case err != nil:
		http.Error(w, "expected an object with token and deed", http.StatusBadRequest)
	case !s.known(a.Token):
		http.Error(w, "the token is another one", http.StatusForbidden)
	case release == nil:
		http.Error(w, noRelease, http.StatusNotFound)
	case !release.About().offers(a.Deed):
		http.Error(w, "this is not possible now", http.StatusConflict)
	case utf8.RuneCountInString(a.Why) > maxWhy:
		http.Error(w, fmt.Sprintf("the reason has more than %d characters", maxWhy), http.StatusBadRequest)
	default:
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		if err := release.Do(ctx, Act{Deed: a.Deed, Seen: a.Seen, Why: strings.TrimSpace(a.Why)}); err != nil {
			text := visible(redact.Text(err.Error()))
			if errors.Is(err, context.DeadlineExceeded) {
				text = fmt.Sprintf("it takes longer than %s; the log shows whether it still happens", patience)
			}
			http.Error(w, text, http.StatusConflict)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// offers reports whether the page has a button for a deed that is possible.
func (a About) offers(id string) bool {
	return slices.ContainsFunc(a.Groups, func(g Group) bool {
		return slices.ContainsFunc(g.Deeds, func(d Deed) bool { return d.ID == id && d.Off == "" })
	})
}
