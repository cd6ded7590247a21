// Package endpoint sends requests with credentials to HTTP endpoints, for
// metric sources. Answers are limited in size, and no error contains a secret.
// Redirects are not followed, because credentials are for one server only.
package endpoint

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/canarize/canarize/internal/excerpt"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/redact"
)

// Limit is the largest size of an answer in bytes.
const Limit = 32 << 20

// Limits of the part of an error answer that is read and reported, in bytes.
const (
	mostLooked = 4 << 10
	mostTold   = 200
)

// longQuery is the length from which a query is sent as a form, because servers
// limit the length of URLs.
const longQuery = 4000

// Token returns a bearer token. It is called for every request.
type Token func(ctx context.Context) (string, error)

// Endpoint is an HTTP server. It is safe for concurrent use.
type Endpoint struct {
	base   *url.URL
	access metric.Access
	getenv func(string) string
	token  Token
	client *http.Client
}

// New prepares an endpoint without sending a request. getenv reads secrets from
// the environment. If token is not nil, it replaces the configured bearer
// token.
func New(access metric.Access, getenv func(string) string, token Token) (*Endpoint, error) {
	base, err := url.Parse(access.Address)
	switch {
	case err != nil:
		return nil, errors.New("the address of the metrics is not a valid URL") // the text may contain a password
	case base.User != nil:
		return nil, errors.New("the address of the metrics contains a user or a password; move them to auth, with a file or an environment variable")
	case base.Scheme != "http" && base.Scheme != "https" || base.Host == "":
		return nil, fmt.Errorf("the address of the metrics is %q; expected a URL such as https://prometheus.example.com", access.Address)
	case base.RawQuery != "" || base.Fragment != "":
		return nil, fmt.Errorf("the address of the metrics, %s, must not contain ? or #", base.Host)
	}
	config, err := tlsConfig(access.TLS)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", base.Host, err)
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Endpoint{base: base, access: access, getenv: getenv, token: token, client: &http.Client{Transport: transport, CheckRedirect: stay}}, nil
}

func tlsConfig(files metric.TLS) (*tls.Config, error) {
	config := &tls.Config{ServerName: files.ServerName, MinVersion: tls.VersionTLS12}
	if files.CA != "" {
		pem, err := os.ReadFile(files.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s contains no PEM certificate", files.CA)
		}
	}
	if files.Cert != "" {
		pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// Host returns the server's name, for errors.
func (e *Endpoint) Host() string { return e.base.Host }

// URL returns the endpoint's address.
func (e *Endpoint) URL() *url.URL { u := *e.base; return &u }

// Answer is the response of a server.
type Answer struct {
	Status int
	Body   []byte
	// Refused is the error for a status other than 200, with the server's
	// reason and without secrets.
	Refused error

	secrets *secrets
}

// Hide removes the secrets that were sent from an error about the body.
func (a Answer) Hide(err error) error { return a.secrets.hide(err) }

// Get requests a path below the address. A status other than 200 is not an
// error of Get: see Answer.Refused.
func (e *Endpoint) Get(ctx context.Context, path string, query url.Values, accept string) (Answer, error) {
	secrets := &secrets{getenv: e.getenv}
	request, err := e.request(ctx, path, query)
	if err == nil {
		err = e.authorize(request, secrets)
	}
	if err != nil {
		return Answer{}, fmt.Errorf("%s: %w", e.base.Host, err)
	}
	request.Header.Set("Accept", accept)
	request.Header.Set("User-Agent", "canarize")
	response, err := e.client.Do(request)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the URL, which is long
		}
		return Answer{}, secrets.hide(fmt.Errorf("%s: %w", e.base.Host, err))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, Limit+1))
	switch {
	case err != nil:
		return Answer{}, secrets.hide(fmt.Errorf("%s: %w", e.base.Host, err))
	case len(body) > Limit:
		return Answer{}, fmt.Errorf("%s: the answer is larger than %d MiB, the limit; select fewer series", e.base.Host, Limit>>20)
	}
	answer := Answer{Status: response.StatusCode, Body: body, secrets: secrets}
	if answer.Status != http.StatusOK {
		answer.Refused = secrets.hide(e.refused(response, body, secrets))
	}
	return answer, nil
}

func (e *Endpoint) request(ctx context.Context, path string, query url.Values) (*http.Request, error) {
	where := e.base.JoinPath(path)
	if path == "" {
		where = e.URL()
	}
	form := query.Encode()
	if len(form) > longQuery {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, where.String(), strings.NewReader(form))
		if err == nil {
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return request, err
	}
	where.RawQuery = form
	return http.NewRequestWithContext(ctx, http.MethodGet, where.String(), nil)
}

// refused returns an error that says why a server did not answer with 200.
func (e *Endpoint) refused(r *http.Response, body []byte, secrets *secrets) error {
	hint := ""
	switch {
	case r.StatusCode == http.StatusUnauthorized || r.StatusCode == http.StatusForbidden:
		hint = "; check the credentials and their permissions"
	case r.StatusCode >= 300 && r.StatusCode < 400:
		hint = "; redirects are not followed, give the address of the target"
	case r.StatusCode == http.StatusNotFound:
		hint = "; check the path of the address"
	}
	body = bytes.TrimSpace(body)
	words := strings.Fields(redact.Known(string(body[:min(len(body), mostLooked)]), secrets.found...))
	if len(body) > mostLooked {
		words = words[:max(len(words)-1, 0)] // the last word may be a part of a secret
	}
	text := redact.Text(strings.Join(words, " "))
	if text != "" {
		text = ": " + excerpt.Cut(text, mostTold)
	}
	return fmt.Errorf("%s: %s%s%s", e.base.Host, r.Status, text, hint)
}
