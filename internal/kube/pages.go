package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// Pages gets pages of pods through the API server, which must be able to reach their
// ports.
type Pages struct {
	server *url.URL
	client *http.Client
}

// Pages returns a client for pages of pods. It sends no request yet.
func (c *Cluster) Pages() (*Pages, error) {
	server, _, err := rest.DefaultServerUrlFor(c.config)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", c.config.Host, err)
	}
	return &Pages{server: server, client: c.http}, nil
}

// Get gets a page of a pod's port, such as /metrics. It returns at most limit+1 bytes
// and does not retry.
func (p *Pages) Get(ctx context.Context, pod Pod, port int, path, accept string, limit int64) ([]byte, error) {
	path, query, _ := strings.Cut(path, "?")
	where := p.server.JoinPath("api", "v1", "namespaces", pod.Namespace, "pods", pod.Name+":"+strconv.Itoa(port), "proxy", path)
	where.RawQuery = query
	text, err := GetPage(ctx, p.client, where.String(), accept, limit)
	if apierrors.IsForbidden(err) {
		return nil, fmt.Errorf("not allowed to get it through the API server, which needs the verb get on pods/proxy: %w", err)
	}
	return text, err
}

// GetPage gets a page and returns at most limit+1 bytes. A status other than 200 is an
// error.
func GetPage(ctx context.Context, client *http.Client, page, accept string, limit int64) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", accept)
	response, err := client.Do(request)
	var long *url.Error
	if errors.As(err, &long) {
		err = long.Err // without the address, which is long
	}
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		limit = refusalLimit
	}
	if response.StatusCode == http.StatusOK && response.ContentLength > limit {
		return nil, fmt.Errorf("its page has %s, but the limit is %s; make the program expose fewer series, or take its metrics from Prometheus", size(response.ContentLength), size(limit))
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, fmt.Errorf("its page was incomplete after %s: %w; make the program expose fewer series, or take its metrics from Prometheus", size(int64(len(text))), context.Cause(ctx))
	case err != nil:
		return nil, fmt.Errorf("its page ended early, after %s: %w", size(int64(len(text))), err)
	case response.StatusCode != http.StatusOK:
		return nil, refusal(response.StatusCode, text)
	}
	return text, nil
}

// size formats a number of bytes for users.
func size(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}

// refusalLimit limits the bytes of an error page that are read.
const refusalLimit = 64 << 10

// refusal returns the error that an answer describes, of the API server or of a pod.
func refusal(code int, text []byte) error {
	var status metav1.Status
	if json.Unmarshal(text, &status) == nil && status.Kind == "Status" {
		return &apierrors.StatusError{ErrStatus: status}
	}
	words := strings.Join(strings.Fields(string(text)), " ")
	return fmt.Errorf("%d %s: %s", code, http.StatusText(code), strings.ToValidUTF8(words[:min(len(words), 200)], ""))
}
