package controlplane

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/canarize/canarize/test/cluster/launch"
)

// client sends requests to the kube-apiserver, as administrator, or to etcd.
type client struct {
	server string
	http   *http.Client
}

// requestLimit is the timeout of one request; callers wait by repeating requests.
const requestLimit = 10 * time.Second

// plainClient returns a client for a server without TLS.
func plainClient() client {
	return client{http: &http.Client{Timeout: requestLimit}}
}

func newClient(server string, k keys) (client, error) {
	ca, err := os.ReadFile(k.caCert)
	if err != nil {
		return client{}, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	admin, err := tls.LoadX509KeyPair(k.admin.cert, k.admin.key)
	if err != nil {
		return client{}, err
	}
	return client{server: server, http: &http.Client{
		Timeout: requestLimit,
		Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{admin}},
			ForceAttemptHTTP2: true,
		},
	}}, nil
}

func (c client) close() { c.http.CloseIdleConnections() }

// healthy returns nil if url answers 200.
func (c client) healthy(ctx context.Context, url string) error {
	_, err := c.do(ctx, http.MethodGet, url, nil, nil)
	return err
}

func (c client) get(ctx context.Context, path, accept string, into any) error {
	body, err := c.do(ctx, http.MethodGet, c.server+path, http.Header{"Accept": {accept}}, nil)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// apply applies object by server-side apply.
func (c client) apply(ctx context.Context, path string, object any) error {
	body, err := json.Marshal(object)
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {"application/apply-patch+yaml"}}
	_, err = c.do(ctx, http.MethodPatch, c.server+path+"?fieldManager=test-cluster&force=true", header, body)
	return err
}

func (c client) do(ctx context.Context, method, url string, header http.Header, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, url, err)
	}
	if response.StatusCode >= 300 {
		return nil, fmt.Errorf("%s %s: %s: %s", method, url, response.Status, bytes.TrimSpace(answer))
	}
	return answer, nil
}

func (c client) waitForNamespace(ctx context.Context, name string) error {
	return launch.Await(ctx, "creation of namespace "+name, func(ctx context.Context) error {
		return c.get(ctx, "/api/v1/namespaces/"+name, "application/json", &struct{}{})
	})
}
