// Package control does the work of Emissary's control plane for a test cluster: it
// evaluates the cluster's objects with internal/route/emissary/model, and configures Envoy
// with the result.
package control

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/test/cluster/gateway/envoy"
	"github.com/canarize/canarize/test/cluster/gateway/envoyconf"
)

// Source provides the objects of a cluster; see package watch.
type Source interface {
	Changes() <-chan struct{}
	Objects() []map[string]any
	Slices() []map[string]any
}

// Proxy is an Envoy that reads discovery files; see package envoy.
type Proxy interface {
	Validate(ctx context.Context, file string) error
	Seen(ctx context.Context, d envoy.Discovery) (rejected int, err error)
	Await(ctx context.Context, d envoy.Discovery, version string, rejectedBefore int) error
}

const (
	// between is the time between two changes of the configuration. Changes of the
	// cluster meanwhile are applied together (the accumulator of Emissary's pkg/kates
	// does so once a second).
	between = time.Second
	// acceptance is the time limit for Envoy to read a discovery file.
	acceptance = 10 * time.Second
)

// Controller keeps Envoy's configuration in line with the cluster.
type Controller struct {
	Source  Source
	Proxy   Proxy
	Site    envoyconf.Site
	Options model.Options
	// Upstreams are fixed endpoints, by SERVICE.NAMESPACE:PORT.
	Upstreams map[string]envoyconf.Endpoint
	Log       *slog.Logger

	store   store
	refused []byte // the last configuration that Envoy refused
	current atomic.Pointer[applied]
}

// applied is Envoy's present configuration.
type applied struct {
	config model.Configuration
	at     time.Time
}

// Prepare writes the files with which Envoy starts, without any listener, and returns the
// path of the first.
func (c *Controller) Prepare() (bootstrap string, err error) {
	c.store = store{dir: c.Site.Dir, written: map[string][]byte{}}
	for _, name := range []string{envoyconf.CDS, envoyconf.LDS} {
		if _, err := c.store.write(envoyconf.File{Name: name, Resources: []any{}}); err != nil {
			return "", err
		}
	}
	return c.writeJSON("bootstrap.json", envoyconf.Bootstrap(c.Site))
}

func (c *Controller) writeJSON(name string, v any) (path string, err error) {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	path = filepath.Join(c.Site.Dir, name)
	return path, replace(path, b)
}

// Run follows the cluster until ctx ends or Envoy no longer answers.
func (c *Controller) Run(ctx context.Context) error {
	for {
		next := time.NewTimer(between)
		if err := c.reconcile(ctx); err != nil {
			return err
		}
		for _, wait := range []func() bool{
			func() bool { return arrives(ctx, next.C) },
			func() bool { return arrives(ctx, c.Source.Changes()) },
		} {
			if !wait() {
				return nil
			}
		}
	}
}

// arrives waits for an element. It returns false if ctx ends before.
func arrives[T any](ctx context.Context, from <-chan T) bool {
	select {
	case <-from:
		return true
	case <-ctx.Done():
		return false
	}
}

// reconcile brings Envoy up to date. A configuration that Envoy refuses freezes everything
// but endpoints, as with Emissary, until the objects of the cluster change.
func (c *Controller) reconcile(ctx context.Context) error {
	objects, slices := c.Source.Objects(), c.Source.Slices()
	wanted := model.Configure(objects, c.Options)
	resolve := func(cluster model.Cluster) []envoyconf.Endpoint {
		name, namespace := serviceOf(cluster.Host, c.Options.Namespace)
		if e, found := c.Upstreams[fmt.Sprintf("%s.%s:%d", name, namespace, cluster.Port)]; found {
			return []envoyconf.Endpoint{e}
		}
		return endpoints(cluster, objects, slices, c.Options.Namespace)
	}
	// Endpoints go first, because the clusters refer to them.
	for _, config := range []*model.Configuration{&wanted, c.config()} {
		if config == nil {
			continue
		}
		for _, f := range envoyconf.Endpoints(c.Site, *config, resolve) {
			if _, err := c.store.write(f); err != nil {
				return err
			}
		}
	}
	if !c.valid(ctx, wanted) {
		return nil
	}
	if err := c.apply(ctx, envoyconf.Files(c.Site, wanted)); err != nil {
		return err
	}
	c.current.Store(&applied{config: wanted, at: time.Now()})
	return nil
}

func (c *Controller) config() *model.Configuration {
	if a := c.current.Load(); a != nil {
		return &a.config
	}
	return nil
}

// valid lets Envoy validate a configuration, once.
func (c *Controller) valid(ctx context.Context, wanted model.Configuration) bool {
	if len(wanted.Ports) == 0 {
		// Emissary does not validate it either (diagd.py).
		c.Log.Warn("there is no Listener that takes a Host: no port is open")
		return true
	}
	static, err := json.Marshal(envoyconf.Static(c.Site, wanted))
	if err != nil {
		c.Log.Error("cannot write the configuration", "err", err)
		return false
	}
	if string(static) == string(c.refused) {
		return false
	}
	if now := c.config(); now != nil {
		if have, err := json.Marshal(envoyconf.Static(c.Site, *now)); err == nil && string(have) == string(static) {
			return true
		}
	}
	path := filepath.Join(c.Site.Dir, "validate.json")
	if err := replace(path, static); err != nil {
		c.Log.Error("cannot write the configuration", "err", err)
		return false
	}
	if err := c.Proxy.Validate(ctx, path); err != nil {
		if ctx.Err() == nil {
			c.refused = static
			c.Log.Error("the whole configuration stays as it was until this is mended", "err", err)
		}
		return false
	}
	c.refused = nil
	return true
}

// apply writes files for Envoy, each after Envoy has loaded those before.
func (c *Controller) apply(ctx context.Context, files []envoyconf.File) error {
	for _, f := range files {
		d := discovery(f.Name, c.config())
		rejected := 0
		if d != "" {
			var err error
			if rejected, err = c.Proxy.Seen(ctx, d); err != nil {
				return err
			}
		}
		version, err := c.store.write(f)
		if err != nil {
			return err
		}
		if version == "" || d == "" {
			continue
		}
		c.Log.Info("changed", "file", f.Name, "version", version)
		waiting, cancel := context.WithTimeoutCause(ctx, acceptance, fmt.Errorf("not within %s", acceptance))
		err = c.Proxy.Await(waiting, d, version, rejected)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// discovery returns the discovery whose statistics show that Envoy has loaded a file; "" for
// routes of a port on which Envoy does not listen yet.
func discovery(file string, now *model.Configuration) envoy.Discovery {
	switch file {
	case envoyconf.CDS:
		return envoy.Clusters
	case envoyconf.LDS:
		return envoy.Listeners
	}
	if now != nil {
		for _, p := range now.Ports {
			if file == envoyconf.RDS(p.Number) {
				return envoy.Routes(envoyconf.StatPrefix, envoyconf.RouteConfigName(p.Number))
			}
		}
	}
	return ""
}
