package rollout

import (
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/canarize/canarize/internal/metric"
)

// readMetrics reads spec.metrics: who counts, and what.
func (r *Release) readMetrics(v value) error {
	c := metric.DefaultConfig()
	timeout, port := c.Timeout.Seconds(), int64(0)
	err := object(
		field{"source", oneOf(&c.Source, metric.SourceNames()...)},
		field{"timeout", seconds(&timeout)},
		field{"address", text(&c.Access.Address)},
		field{"auth", readAuth(&c.Access)},
		field{"tls", object(
			field{"ca", text(&c.Access.TLS.CA)},
			field{"cert", text(&c.Access.TLS.Cert)},
			field{"key", text(&c.Access.TLS.Key)},
			field{"serverName", text(&c.Access.TLS.ServerName)},
		)},
		field{"port", whole(&port)},
		field{"path", text(&c.Path)},
		field{"canary", matchers(&c.Canary)},
		field{"stable", matchers(&c.Stable)},
		field{"podLabel", text(&c.PodLabel)},
		field{"ratios", queries(&c, metric.KindRatio, readRatio)},
		field{"latencies", queries(&c, metric.KindLatency, readLatency)},
		field{"gauges", queries(&c, metric.KindGauge, func(q *metric.Query) func(value) error { return text(&q.Gauge) })},
	)(v)
	if err != nil {
		return err
	}
	if port < 0 || port > 65535 {
		return v.errorf("port %d is not from 1 to 65535", port)
	}
	c.Timeout, c.Port = time.Duration(timeout*float64(time.Second)), int(port)
	if err := c.Validate(); err != nil {
		return v.errorf("%w", err)
	}
	r.Metrics = c
	return nil
}

// readAuth reads credentials. The secrets themselves are elsewhere.
func readAuth(a *metric.Access) func(value) error {
	return object(
		field{"bearer", secret(&a.Bearer)},
		field{"basic", object(field{"user", text(&a.User)}, field{"password", secret(&a.Password)})},
		field{"headers", func(v value) error {
			a.Headers = map[string]metric.Secret{}
			return entries(v, func(name string, v value) error {
				var s metric.Secret
				read := secret(&s)
				if v.resolved().Kind == yaml.ScalarNode && !strings.EqualFold(name, "Authorization") {
					read = text(&s.Value) // such as the name of a tenant
				}
				err := read(v)
				a.Headers[name] = s
				return err
			})
		}},
	)
}

// secret reads where a secret is.
func secret(to *metric.Secret) func(value) error {
	return func(v value) error {
		if v.resolved().Kind != yaml.MappingNode {
			return v.errorf("a secret does not belong into this file; say where it is, as {env: NAME} or {file: PATH}")
		}
		err := object(field{"env", text(&to.Env)}, field{"file", text(&to.File)})(v)
		if err == nil && (to.Env == "") == (to.File == "") {
			return v.errorf("expected one of env and file")
		}
		return err
	}
}

func matchers(to *[]metric.Matcher) func(value) error {
	return func(v value) error {
		var s string
		if err := text(&s)(v); err != nil {
			return err
		}
		all, err := metric.ParseMatchers(s)
		if err != nil {
			return v.errorf("%w", err)
		}
		if len(all) == 0 {
			return v.errorf("expected a condition such as track=\"canary\"")
		}
		*to = all
		return nil
	}
}

func selector(to *metric.Selector) func(value) error {
	return func(v value) error {
		var s string
		err := text(&s)(v)
		if err != nil {
			return err
		}
		if *to, err = metric.ParseSelector(s); err != nil {
			return v.errorf("%w", err)
		}
		return nil
	}
}

// queries reads metrics of a kind by their names.
func queries(c *metric.Config, kind metric.Kind, read func(*metric.Query) func(value) error) func(value) error {
	return func(v value) error {
		return entries(v, func(name string, v value) error {
			q := metric.Query{Metric: metric.Metric{Name: name, Kind: kind}}
			err := read(&q)(v)
			c.Queries = append(c.Queries, q)
			return err
		})
	}
}

func readRatio(q *metric.Query) func(value) error {
	return func(v value) error {
		err := object(field{"bad", selector(&q.Bad)}, field{"total", selector(&q.Total)})(v)
		if err == nil && (q.Bad.Name == "" || q.Total.Name == "") {
			return v.errorf("expected bad and total: selectors of the bad requests and of all")
		}
		return err
	}
}

// units of the boundaries of a histogram.
const (
	inSeconds      = "s"
	inMilliseconds = "ms"
)

// bucketSuffix ends the name of the series of a classic histogram.
const bucketSuffix = "_bucket"

func readLatency(q *metric.Query) func(value) error {
	return func(v value) error {
		unit := inSeconds
		err := object(field{"buckets", selector(&q.Buckets)}, field{"unit", oneOf(&unit, inSeconds, inMilliseconds)})(v)
		if err == nil && q.Buckets.Name == "" {
			return v.errorf("expected buckets: a selector of a classic histogram")
		}
		if !strings.HasSuffix(q.Buckets.Name, bucketSuffix) {
			q.Buckets.Name += bucketSuffix
		}
		q.PerSecond = map[string]float64{inSeconds: 1, inMilliseconds: 1000}[unit]
		return err
	}
}
