package azuremonitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/metrictest"
	"github.com/canarize/canarize/internal/metric/prometheus"
)

// credential returns the secret of the contract, for the right scope only.
type credential struct{ err error }

func (c credential) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if !slices.Equal(o.Scopes, []string{"https://prometheus.monitor.azure.com/.default"}) {
		return azcore.AccessToken{}, fmt.Errorf("scopes %v", o.Scopes)
	}
	return azcore.AccessToken{Token: metrictest.Secret, ExpiresOn: time.Now().Add(time.Hour)}, c.err
}

func options(t *testing.T) prometheus.Options {
	t.Helper()
	bad, err := metric.ParseSelector(`requests_total{Code=~"5.."}`)
	if err != nil {
		t.Fatal(err)
	}
	return prometheus.Options{
		Queries: []metric.Query{{Metric: metric.Metric{Name: "errors", Kind: metric.KindRatio}, Bad: bad, Total: metric.Selector{Name: "requests_total"}}},
		Labels:  map[metric.Arm][]metric.Matcher{metric.Canary: {metric.Equal("Version", "canary")}, metric.Stable: {metric.Equal("Version", "stable")}},
	}
}

func source(t *testing.T, url string, o prometheus.Options) metric.Source {
	t.Helper()
	s, err := open(metric.Access{Address: url}, o, func(string) string { return "" }, credential{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestContract uses a server that returns labels in another case than in the
// query.
func TestContract(t *testing.T) {
	metrictest.Run(t, metrictest.Harness{
		Secret: true,
		Open:   func(t *testing.T, url string) metric.Source { return source(t, url, options(t)) },
		Divided: func(t *testing.T, url string) metric.Source {
			o := options(t)
			o.Queries[0].Metric = metrictest.Divided()
			return source(t, url, o)
		},
		Answer: func(r *http.Request, history []metrictest.Snapshot) string {
			query := r.FormValue("query")
			if !strings.HasPrefix(query, "requests_total{") {
				t.Errorf("%q does not name a metric", query)
			}
			arm := metric.Stable
			if strings.Contains(query, `"canary"`) {
				arm = metric.Canary
			}
			var result []string
			for _, route := range metrictest.RoutesOf(history) {
				var good, bad []string
				for _, s := range history {
					counts, found := s.At(arm, route)
					if found {
						good = append(good, fmt.Sprintf(`[%d,"%v"]`, s.Time.Unix(), counts.Total-counts.Bad))
					}
					if counts.Bad != 0 {
						bad = append(bad, fmt.Sprintf(`[%d,"%v"]`, s.Time.Unix(), counts.Bad))
					}
				}
				quoted, err := json.Marshal(strings.ToUpper(route))
				if err != nil {
					t.Error(err)
				}
				for code, values := range map[string][]string{"200": good, "500": bad} {
					if len(values) > 0 {
						result = append(result, fmt.Sprintf(`{"metric":{"__name__":"Requests_Total","INSTANCE":%q,"ROUTE":%s,"code":%q},"values":[%s]}`, arm, quoted, code, strings.Join(values, ",")))
					}
				}
			}
			return fmt.Sprintf(`{"status":"success","data":{"resultType":"matrix","result":[%s]}}`, strings.Join(result, ","))
		},
	})
}

// TestAddresses checks that only the service itself gets a token.
func TestAddresses(t *testing.T) {
	for address, good := range map[string]bool{
		"https://shop-a1b2.westeurope.prometheus.monitor.azure.com":      true,
		"https://shop-a1b2.westeurope.Prometheus.monitor.azure.com:443/": true,
		"http://shop-a1b2.westeurope.prometheus.monitor.azure.com":       false,
		"https://prometheus.monitor.azure.com.example.com":               false,
		"https://example.com/.prometheus.monitor.azure.com":              false,
		"https://evilprometheus.monitor.azure.com":                       false,
		"https://a.westeurope.prometheus.monitor.azure.com:8443":         false,
		"https://a.westeurope.prometheus.monitor.azure.com@example.com":  false,
		"https://example.com?x=.prometheus.monitor.azure.com":            false,
		"": false,
	} {
		_, err := New(metric.Access{Address: address}, options(t), nil, credential{})
		if (err == nil) != good {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestNoToken(t *testing.T) {
	s, err := open(metric.Access{Address: "http://127.0.0.1:1"}, options(t), nil, credential{errors.New("log in\nwith az")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Read(t.Context(), time.Time{}, time.Time{})
	if err == nil || err.Error() != "prometheus 127.0.0.1:1: getting a token: login with Microsoft Entra ID: log in with az" {
		t.Error(err)
	}
}

func TestLogin(t *testing.T) {
	pipeline := map[string]string{tenantVariable: "t", clientVariable: "c", connectionVariable: "s"}
	getenv := func(name string) string { return pipeline[name] }
	if _, err := Login(getenv); err == nil || !strings.Contains(err.Error(), "SYSTEM_ACCESSTOKEN: $(System.AccessToken)") {
		t.Error(err)
	}
	if _, err := Login(func(string) string { return "" }); err != nil {
		t.Error(err)
	}
	t.Setenv("SYSTEM_OIDCREQUESTURI", "https://dev.azure.com/oidc")
	pipeline[accessTokenVariable] = metrictest.Secret
	if _, err := Login(getenv); err != nil {
		t.Error(err)
	}
}
