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

// Pages gets pages of pods through the API server, which has to reach their ports.
type Pages struct {
	server *url.URL
	client *http.Client
}

// Pages prepares to get pages of pods. It sends no request yet.
func (c *Cluster) Pages() (*Pages, error) {
	server, _, err := rest.DefaultServerUrlFor(c.config)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", c.config.Host, err)
	}
	return &Pages{server: server, client: c.http}, nil
}

// Get gets a page of a pod's port, such as /metrics, and gives at most limit+1 bytes
// of it. It does not try again.
func (p *Pages) Get(ctx context.Context, pod Pod, port int, path, accept string, limit int64) ([]byte, error) {
	path, query, _ := strings.Cut(path, "?")
	where := p.server.JoinPath("api", "v1", "namespaces", pod.Namespace, "pods", pod.Name+":"+strconv.Itoa(port), "proxy", path)
	where.RawQuery = query
	text, err := GetPage(ctx, p.client, where.String(), accept, limit)
	if apierrors.IsForbidden(err) {
		return nil, fmt.Errorf("not allowed to get it through the API server, which takes the verb get on pods/proxy: %w", err)
	}
	return text, err
}

// GetPage gets a page, whose status has to be 200, and gives at most limit+1 bytes of it.
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
		return nil, fmt.Errorf("its page has %s, and at most %s are read; have the program expose fewer series, or take its metrics from Prometheus", size(response.ContentLength), size(limit))
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, fmt.Errorf("its page had not ended after %s: %w; have the program expose fewer series, or take its metrics from Prometheus", size(int64(len(text))), context.Cause(ctx))
	case err != nil:
		return nil, fmt.Errorf("its page broke off after %s: %w", size(int64(len(text))), err)
	case response.StatusCode != http.StatusOK:
		return nil, refusal(response.StatusCode, text)
	}
	return text, nil
}

// size writes a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}

// refusalLimit is how many bytes of an answer may say why it is none.
const refusalLimit = 64 << 10

// refusal is the error of an answer: the API server's own, or that of a pod.
func refusal(code int, text []byte) error {
	var status metav1.Status
	if json.Unmarshal(text, &status) == nil && status.Kind == "Status" {
		return &apierrors.StatusError{ErrStatus: status}
	}
	words := strings.Join(strings.Fields(string(text)), " ")
	return fmt.Errorf("%d %s: %s", code, http.StatusText(code), strings.ToValidUTF8(words[:min(len(words), 200)], ""))
}
