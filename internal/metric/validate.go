package metric

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// usable lists which fields of a Config a source uses.
type usable struct{ access, queries, labels, port bool }

func uses(s SourceName) usable {
	switch s {
	case Prometheus, AzureMonitor:
		return usable{access: true, queries: true, labels: true}
	case Pods:
		return usable{queries: true, port: true}
	case Web:
		return usable{access: true}
	}
	return usable{}
}

// UnusedError reports a setting that the source does not use.
type UnusedError struct {
	Source  SourceName
	Setting string // the name of a field, or several names with words between them
}

func (e *UnusedError) Error() string {
	return fmt.Sprintf("the source %s does not use %s; leave it out, or name another source", e.Source, e.Setting)
}

// Validate returns an error if the source needs a field that is missing, or
// does not use one that is set: an ignored setting is usually a mistake.
func (c Config) Validate() error {
	if !slices.Contains(SourceNames(), c.Source) {
		return fmt.Errorf("unknown source %q; use one of %v", c.Source, SourceNames())
	}
	if c.Timeout <= 0 {
		return errors.New("timeout must be above 0")
	}
	use := uses(c.Source)
	for _, f := range []struct {
		name               string
		there, used, needs bool
	}{
		{"address", c.Access.Address != "", use.access, true},
		{"auth", c.Access.credentials(), use.access, false},
		{"tls", c.Access.TLS != TLS{}, use.access, false},
		{"port", c.Port != 0, use.port, true},
		{"path", c.Path != "" && c.Path != DefaultPath, use.port, false},
		{"canary and stable", c.Canary != nil || c.Stable != nil, use.labels, false},
		{"podLabel", c.PodLabel != "", use.labels, false},
		{"ratios, latencies, events or gauges", len(c.Queries) > 0, use.queries, true},
	} {
		if f.there && !f.used {
			return &UnusedError{Source: c.Source, Setting: f.name}
		}
		if f.needs && f.used && !f.there {
			return fmt.Errorf("the source %s needs %s", c.Source, f.name)
		}
	}
	return c.consistent()
}

func (a Access) credentials() bool {
	return !a.Bearer.IsZero() || a.User != "" || !a.Password.IsZero() || len(a.Headers) > 0
}

func (c Config) consistent() error {
	names := map[string]bool{}
	counted := len(c.Queries) == 0
	if err := c.divided(); err != nil {
		return err
	}
	for _, q := range c.Queries {
		if names[q.Name] {
			return fmt.Errorf("two metrics have the name %s; rename one", q.Name)
		}
		names[q.Name] = true
		counted = counted || q.Kind == KindRatio || q.Kind == KindLatency
	}
	switch {
	case !counted:
		return errors.New("gauges and events alone cannot decide a release; add a ratio or a latency")
	case (c.Canary == nil) != (c.Stable == nil):
		return errors.New("canary and stable belong together; give the labels of both versions, or of neither")
	case c.Access.User != "" && !c.Access.Bearer.IsZero():
		return errors.New("there is both a bearer token and a user; give only one")
	case (c.Access.User == "") != c.Access.Password.IsZero():
		return errors.New("user and password belong together; give both")
	case (c.Access.TLS.Cert == "") != (c.Access.TLS.Key == ""):
		return errors.New("cert and key belong together; give both")
	case c.Source == AzureMonitor && c.Access.credentials():
		return fmt.Errorf("the source %s logs in by itself; leave auth out", AzureMonitor)
	}
	return nil
}

// divided returns an error if a metric cannot be divided by its label.
func (c Config) divided() error {
	own := []string{"pod", "instance", c.PodLabel}
	for _, m := range slices.Concat(c.Canary, c.Stable) {
		own = append(own, m.Label)
	}
	ratios, by := 0, ""
	for _, q := range c.Queries {
		if q.Kind == KindRatio {
			ratios++
		}
		if q.By == "" {
			continue
		}
		by = q.Name
		if strings.ContainsAny(q.Name, "{}") {
			return fmt.Errorf("ratios.%s.by: the name of a metric with by cannot contain braces; rename it", q.Name)
		}
		for _, other := range c.Queries {
			if strings.HasPrefix(other.Name, q.Name+"{") {
				return fmt.Errorf("two metrics may have the name %s; rename it, or remove by from %s", other.Name, q.Name)
			}
		}
		if _, err := NewMatcher(q.By, "=", ""); err != nil {
			return fmt.Errorf("ratios.%s.by: %w", q.Name, err)
		}
		if slices.Contains(own, q.By) {
			return fmt.Errorf("ratios.%s.by: the label %s has other values for each version; name one that both share, such as route", q.Name, q.By)
		}
	}
	if by != "" && ratios > maxDivided {
		return fmt.Errorf("ratios.%s.by: with by there can be at most %d ratios, because each value becomes another one; there are %d", by, maxDivided, ratios)
	}
	return nil
}
