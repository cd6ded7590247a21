package cli

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/canarize/canarize/internal/route/gatewayapi/model"
)

// requestFlags are the unparsed flags that describe a request.
type requestFlags struct {
	url, method string
	headers     []string
}

func (f *requestFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.url, "url", "", "show only which HTTPRoute or GRPCRoute takes a request to `URL`: http://, https:// or grpc://HOST[:PORT]/PATH")
	flags.StringVarP(&f.method, "method", "X", "", "with --url: `METHOD` of the request (default GET)")
	flags.StringArrayVarP(&f.headers, "header", "H", nil, "with --url: `HEADER` of the request, \"name: value\"; can be repeated")
}

// ports holds the default ports of URLs. gRPC without TLS has none; that of HTTP is the
// one that Gateways listen on.
var ports = map[string]int64{"http": 80, "https": 443, "grpc": 80}

// parse returns the request, or nil without --url.
func (f *requestFlags) parse() (*model.Request, error) {
	if f.url == "" {
		if f.method != "" || len(f.headers) > 0 {
			return nil, errors.New("--method and --header describe the request of --url; add --url, or omit them")
		}
		return nil, nil
	}
	u, err := url.Parse(f.url)
	if err != nil || ports[u.Scheme] == 0 || u.Hostname() == "" {
		return nil, fmt.Errorf("--url %q: expected http://, https:// or grpc://HOST[:PORT]/PATH", f.url)
	}
	q := &model.Request{Host: u.Hostname(), Port: ports[u.Scheme], Method: f.method, Path: u.EscapedPath(), Query: u.Query(), Headers: map[string][]string{}, GRPC: u.Scheme == "grpc"}
	if u.Port() != "" {
		if q.Port, err = strconv.ParseInt(u.Port(), 10, 32); err != nil || q.Port < 1 || q.Port > 65535 {
			return nil, fmt.Errorf("--url %q: expected a port from 1 to 65535", f.url)
		}
	}
	switch {
	case q.GRPC && (q.Method != "" || strings.Count(q.Path, "/") != 2):
		return nil, fmt.Errorf("--url %q: expected grpc://HOST[:PORT]/SERVICE/METHOD, without --method", f.url)
	case q.GRPC:
		q.Method = "POST"
	case q.Method == "":
		q.Method = "GET"
	}
	if q.Path == "" {
		q.Path = "/"
	}
	for _, h := range f.headers {
		name, value, found := strings.Cut(h, ":")
		name = strings.ToLower(strings.TrimSpace(name))
		if !found || name == "" {
			return nil, fmt.Errorf("--header %q: expected NAME: VALUE", h)
		}
		q.Headers[name] = append(q.Headers[name], strings.TrimSpace(value))
	}
	return q, nil
}
