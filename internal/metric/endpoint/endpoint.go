// Package endpoint asks HTTP endpoints with credentials, for metric sources.
// Answers are bounded, redirects are not followed, since credentials are meant for
// one server only, and no error holds a secret.
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

// Limit is how many bytes an answer may have.
const Limit = 32 << 20

// Of what a refusing server says, so many bytes are looked at and told.
const (
	mostLooked = 4 << 10
	mostTold   = 200
)

// longQuery is from where on a query is sent as a form, since servers bound URLs.
const longQuery = 4000

// Token gives a bearer token, each time it is needed.
type Token func(ctx context.Context) (string, error)

// Endpoint is an HTTP server that is asked. It is safe for concurrent use.
type Endpoint struct {
	base   *url.URL
	access metric.Access
	getenv func(string) string
	token  Token
	client *http.Client
}

// New prepares to ask an endpoint. getenv looks up secrets in the environment. token,
// when not nil, takes the place of the secret for a bearer token. It sends no
// request.
func New(access metric.Access, getenv func(string) string, token Token) (*Endpoint, error) {
	base, err := url.Parse(access.Address)
	switch {
	case err != nil:
		return nil, errors.New("the address of the metrics is not a URL") // its text may hold a password
	case base.User != nil:
		return nil, errors.New("the address of the metrics holds a name or a password; put them under auth, from a file or the environment")
	case base.Scheme != "http" && base.Scheme != "https" || base.Host == "":
		return nil, fmt.Errorf("the address of the metrics is %q; it has to be like https://prometheus.example.com", access.Address)
	case base.RawQuery != "" || base.Fragment != "":
		return nil, fmt.Errorf("the address of the metrics, %s, may have no ? or #", base.Host)
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
			return nil, fmt.Errorf("%s holds no certificate in PEM", files.CA)
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

// Host is the server's name, for errors.
func (e *Endpoint) Host() string { return e.base.Host }

// URL is where the endpoint is.
func (e *Endpoint) URL() *url.URL { u := *e.base; return &u }

// Answer is what a server says.
type Answer struct {
	Status int
	Body   []byte
	// Refused says, for a status other than 200, what and why, without secrets.
	Refused error

	secrets *secrets
}

// Hide takes the secrets that were sent out of an error about the body.
func (a Answer) Hide(err error) error { return a.secrets.hide(err) }

// Get asks for a path below the address. An answer with another status than 200 is
// none of the errors: see Answer.Refused.
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
		return Answer{}, fmt.Errorf("%s: the answer has more than %d MiB; select fewer series", e.base.Host, Limit>>20)
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

// refused says why a server did not answer with 200.
func (e *Endpoint) refused(r *http.Response, body []byte, secrets *secrets) error {
	hint := ""
	switch {
	case r.StatusCode == http.StatusUnauthorized || r.StatusCode == http.StatusForbidden:
		hint = "; check the credentials and what they may read"
	case r.StatusCode >= 300 && r.StatusCode < 400:
		hint = "; redirects are not followed, give the address that it leads to"
	case r.StatusCode == http.StatusNotFound:
		hint = "; check the path of the address"
	}
	body = bytes.TrimSpace(body)
	words := strings.Fields(redact.Known(string(body[:min(len(body), mostLooked)]), secrets.found...))
	if len(body) > mostLooked {
		words = words[:max(len(words)-1, 0)] // it may be a part of a secret
	}
	text := redact.Text(strings.Join(words, " "))
	if text != "" {
		text = ": " + excerpt.Cut(text, mostTold)
	}
	return fmt.Errorf("%s: %s%s%s", e.base.Host, r.Status, text, hint)
}
