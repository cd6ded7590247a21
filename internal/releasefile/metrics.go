package releasefile

import (
	"errors"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/canarize/canarize/internal/metric"
)

// metricsForm describes spec.metrics: the source, and what it counts.
func (r *File) metricsForm() form {
	c := metric.DefaultConfig()
	return object(
		field{"source", oneOf(&c.Source, metric.SourceNames()...), "The metric source."},
		field{"timeout", timeout(&c.Timeout), "The timeout of one reading."},
		field{"address", text(&c.Access.Address), "The URL of prometheus, azuremonitor and web."},
		field{"auth", authForm(&c.Access), "Credentials for the address."},
		field{"tls", object(
			field{"ca", text(&c.Access.TLS.CA), "A file with the trusted certificates. Default: those of the system."},
			field{"cert", text(&c.Access.TLS.Cert), "A file with the client's certificate."},
			field{"key", text(&c.Access.TLS.Key), "A file with the key of that certificate."},
			field{"serverName", text(&c.Access.TLS.ServerName), "The expected name in the server's certificate, if it differs from the address."},
		), "TLS of the address; files are PEM."},
		field{"port", integer(&c.Port, 1, 65535), "The port of the pods' metrics."},
		field{"path", text(&c.Path), "The path of the pods' metrics."},
		field{"canary", matchers(&c.Canary), "Labels of the canary's series, such as track=\"canary\". Default: the names of its pods."},
		field{"stable", matchers(&c.Stable), "Labels of stable's series."},
		field{"podLabel", text(&c.PodLabel), "The label that holds the name of the application's pod."},
		field{"ratios", queries(&c, metric.KindRatio, ratioForm), "Bad requests among all requests, by metric name."},
		field{"latencies", queries(&c, metric.KindLatency, latencyForm), "Histograms of durations, by metric name."},
		field{"events", queries(&c, metric.KindEvents, func(q *metric.Query) form { return selector(&q.Total) }), "Counters of what should happen, such as orders, by metric name: a canary with fewer of them is worse."},
		field{"gauges", queries(&c, metric.KindGauge, func(q *metric.Query) form { return text(&q.Gauge) }), "Values to compare, by metric name: a series of the pods, or PromQL with $arm."},
	).check(func(v value) error {
		if err := c.Validate(); err != nil {
			return ofSetting(v, err).errorf("%w", err)
		}
		r.Metrics = c
		return nil
	})
}

// ofSetting returns the value that an error is about, if it names one of the file.
func ofSetting(v value, err error) value {
	var unused *metric.UnusedError
	if !errors.As(err, &unused) {
		return v
	}
	for _, name := range strings.FieldsFunc(unused.Setting, func(r rune) bool { return r == ' ' || r == ',' }) {
		if child, found := v.child(name); found {
			return child
		}
	}
	return v
}

// authForm describes credentials. The file says where a secret is and never contains it.
func authForm(a *metric.Access) form {
	return object(
		field{"bearer", secret(&a.Bearer), "A token."},
		field{"basic", object(
			field{"user", text(&a.User), "The name."},
			field{"password", secret(&a.Password), "The password."},
		), "A name and a password."},
		field{"headers", headers(a), "Headers of every request: a string, or where a secret is stored."},
	)
}

func headers(a *metric.Access) form {
	read := func(v value) error {
		a.Headers = map[string]metric.Secret{}
		return entries(v, func(name string, v value) error {
			var s metric.Secret
			f := secret(&s)
			if v.resolved().Kind == yaml.ScalarNode && !strings.EqualFold(name, "Authorization") {
				f = text(&s.Value) // for example the name of a tenant
			}
			err := f.read(v)
			a.Headers[name] = s
			return err
		})
	}
	var s metric.Secret
	either := schema{AnyOf: []schema{text(&s.Value).schema, secret(&s).schema}}
	return form{read, schema{Type: types{"object", "null"}, Others: either}}
}

// secret describes where a secret is stored.
func secret(to *metric.Secret) form {
	f := object(
		field{"env", text(&to.Env), "The name of an environment variable."},
		field{"file", text(&to.File), "The path of a file."},
	).exactlyOne("env", "file")
	read := f.read
	f.read = func(v value) error {
		if v.resolved().Kind != yaml.MappingNode {
			return v.errorf("a release file must not contain a secret; say where it is stored: {env: NAME} or {file: PATH}")
		}
		return read(v)
	}
	return f
}

func matchers(to *[]metric.Matcher) form {
	var s string
	return text(&s).check(func(v value) error {
		all, err := metric.ParseMatchers(s)
		if err != nil {
			return v.errorf("%w", err)
		}
		if len(all) == 0 {
			return v.errorf("expected a condition such as track=\"canary\"")
		}
		*to = all
		return nil
	})
}

func selector(to *metric.Selector) form {
	var s string
	return text(&s).check(func(v value) error {
		var err error
		if *to, err = metric.ParseSelector(s); err != nil {
			return v.errorf("%w", err)
		}
		return nil
	})
}

// queries describes metrics of a kind by their names, in the order of the file.
func queries(c *metric.Config, kind metric.Kind, of func(*metric.Query) form) form {
	read := func(v value) error {
		return entries(v, func(name string, v value) error {
			q := metric.Query{Metric: metric.Metric{Name: name, Kind: kind}}
			err := of(&q).read(v)
			c.Queries = append(c.Queries, q)
			return err
		})
	}
	return form{read, schema{Type: types{"object", "null"}, Others: of(new(metric.Query)).schema}}
}

func ratioForm(q *metric.Query) form {
	return object(
		field{"bad", selector(&q.Bad), "A selector of the counters of bad requests."},
		field{"total", selector(&q.Total), "A selector of the counters of all requests."},
		field{"by", text(&q.By), "A label of these counters, such as route: the requests with each of its values are a metric, too, named NAME{LABEL=VALUE}. It is a guard by default."},
	).requiring("expected bad and total: selectors of the bad requests and of all", "bad", "total")
}

// The units of a histogram's boundaries.
const (
	inSeconds      = "s"
	inMilliseconds = "ms"
)

func latencyForm(q *metric.Query) form {
	unit := inSeconds
	return object(
		field{"buckets", selector(&q.Buckets), "A selector of a classic histogram."},
		field{"histogram", selector(&q.Histogram), "A selector of a native histogram, instead of buckets."},
		field{"unit", oneOf(&unit, inSeconds, inMilliseconds), "The unit of the histogram's boundaries."},
	).exactlyOne("buckets", "histogram").check(func(v value) error {
		q.PerSecond = map[string]float64{inSeconds: 1, inMilliseconds: 1000}[unit]
		if q.IsNative() {
			if strings.HasSuffix(q.Histogram.Name, metric.BucketSuffix) {
				return v.errorf("histogram: %s is the name of a classic histogram; write buckets: %s", q.Histogram.Name, q.Histogram)
			}
			return nil
		}
		if !strings.HasSuffix(q.Buckets.Name, metric.BucketSuffix) {
			q.Buckets.Name += metric.BucketSuffix
		}
		return nil
	})
}
