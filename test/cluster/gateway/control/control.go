// Package control does the work of Emissary's control plane for a test cluster: it
// evaluates the cluster's objects with internal/route/emissary/model, and configures Envoy
// with the result.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/test/cluster/gateway/envoy"
	"github.com/canarize/canarize/test/cluster/gateway/envoyconf"
	"github.com/canarize/canarize/test/cluster/gateway/fault"
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
	// Faults are set by tests.
	Faults *fault.Switch
	// Start starts Envoy and returns when it answers. Run calls it once, with the
	// first valid configuration: Emissary has no Envoy before. Nil: Envoy runs.
	Start func(context.Context) error

	store     store
	processed []map[string]any // the objects of the last reconfiguration
	refused   bool             // the last reconfiguration
	wanted    atomic.Pointer[model.Configuration]
	current   atomic.Pointer[applied]
	shown     atomic.Pointer[applied] // by the diagnostics
	health    health
}

// applied is the configuration Envoy has, unless Envoy itself refused a part of it.
type applied struct {
	config model.Configuration
	at     time.Time
}

// Prepare writes the files with which Envoy starts, without any listener, and returns the
// path of the first.
func (c *Controller) Prepare() (bootstrap string, err error) {
	c.store.dir, c.store.written = c.Site.Dir, map[string][]byte{}
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
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes := make(chan struct{}, 1)
	ended := make(chan error, 2)
	go func() { ended <- c.follow(ctx, changes) }()
	go func() { ended <- c.reconfigure(ctx, changes) }()
	err := <-ended
	cancel()
	return errors.Join(err, <-ended)
}

// follow hands endpoints to Envoy at once and announces other changes, both at most
// once a second. Endpoints wait for no reconfiguration (the fast path of Emissary's
// cmd/entrypoint/watcher.go).
func (c *Controller) follow(ctx context.Context, changes chan<- struct{}) error {
	for {
		next := time.NewTimer(between)
		if err := c.writeEndpoints(c.Source.Objects()); err != nil {
			return err
		}
		select {
		case changes <- struct{}{}:
		default: // one is announced already
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

// reconfigure takes one change after the other, each as the cluster is when the one
// before is done.
func (c *Controller) reconfigure(ctx context.Context, changes <-chan struct{}) error {
	for {
		select {
		case <-changes:
		case <-c.Faults.Changed():
			if c.refused { // perhaps it no longer is
				c.processed = nil
			}
		case <-ctx.Done():
			return nil
		}
		if err := c.reconcile(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// arrives waits for an element; false when ctx ends.
func arrives[T any](ctx context.Context, from <-chan T) bool {
	select {
	case <-from:
		return true
	case <-ctx.Done():
		return false
	}
}

// reconcile brings Envoy up to date. A configuration that is invalid freezes
// everything but endpoints, as with Emissary, until the cluster says something else.
func (c *Controller) reconcile(ctx context.Context) error {
	objects := c.Source.Objects()
	if c.processed != nil && reflect.DeepEqual(objects, c.processed) {
		return nil // only endpoints have changed
	}
	began := time.Now()
	wanted := model.Configure(objects, c.Options)
	c.wanted.Store(&wanted)
	// Endpoints go first: the clusters are told to read them.
	if err := c.writeEndpoints(objects); err != nil {
		return err
	}
	valid := c.valid(ctx, wanted)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c.processed, c.refused = objects, !valid
	c.health.reconfigured(began, time.Now())
	if !valid {
		return nil
	}
	if c.Start != nil {
		if err := c.Start(ctx); err != nil {
			return err
		}
		c.Start = nil
	}
	if err := c.apply(ctx, envoyconf.Files(c.Site, wanted)); err != nil {
		return err
	}
	c.current.Store(&applied{config: wanted, at: time.Now()})
	c.diagnosed()
	return nil
}

// writeEndpoints writes the endpoints of the configuration Envoy has and of the one
// it is about to have.
func (c *Controller) writeEndpoints(objects []map[string]any) error {
	slices := c.Source.Slices()
	resolve := func(cluster model.Cluster) []envoyconf.Endpoint {
		name, namespace := serviceOf(cluster.Host, c.Options.Namespace)
		if e, found := c.Upstreams[fmt.Sprintf("%s.%s:%d", name, namespace, cluster.Port)]; found {
			return []envoyconf.Endpoint{e}
		}
		return endpoints(cluster, objects, slices, c.Options.Namespace)
	}
	for _, config := range []*model.Configuration{c.wanted.Load(), c.config()} {
		if config == nil {
			continue
		}
		for _, f := range envoyconf.Endpoints(c.Site, *config, resolve) {
			if _, err := c.store.write(f); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Controller) config() *model.Configuration {
	if a := c.current.Load(); a != nil {
		return &a.config
	}
	return nil
}

// apply hands files to Envoy, each when it has answered about those before. What
// Envoy refuses it keeps as it was, and Emissary goes on.
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
		if errors.Is(err, envoy.ErrRefused) {
			c.Log.Warn("Envoy keeps what it had", "file", f.Name, "err", err)
			continue
		}
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
