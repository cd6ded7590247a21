// Package hub is a process's connection to one cluster. Any number of releases share it:
// what is read of the cluster, the gateways that are asked, and the requests that are
// counted.
package hub

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/redact"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/runner"
)

// Options say how releases are carried out. Cluster, Router, Source and Emit are needed.
type Options struct {
	Cluster *kube.Cluster
	Router  func(route.Cluster) route.Live
	Source  Opener

	DryRun      kube.DryRun
	NoWait      bool              // fail at once when another process works on the release
	Patient     bool              // while a canary is known to have traffic, ask the API server until the context ends
	Annotations map[string]string // on everything that is applied
	Runner      runner.Options
	// Now is the clock, and Wait pauses for a duration or until the context ends; nil means
	// time.Now and a timer.
	Now  func() time.Time
	Wait func(ctx context.Context, d time.Duration) error
	// Emit is told what happens to a release, in order.
	Emit func(runner.Release, rollout.Event)
}

// Hub carries out releases in one cluster. It is safe for concurrent use.
type Hub struct {
	options Options
	telling sync.Mutex

	cluster *kube.Cluster // options.Cluster with a cache that the releases share
}

// New prepares to carry out releases. It sends no request yet.
func New(options Options) *Hub {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Wait == nil {
		options.Wait = kube.Pause
	}
	return &Hub{options: options, cluster: options.Cluster.WithCache()}
}

// Cluster is the cluster itself.
func (h *Hub) Cluster() *kube.Cluster { return h.options.Cluster }

// Requests is how many requests were sent to the API server; a watch counts as one.
func (h *Hub) Requests() int { return h.options.Cluster.Requests() }

// Do carries out what is asked for, see runner.Runner.Do.
func (h *Hub) Do(ctx context.Context, release runner.Release, asked rollout.Request, plan *rollout.Plan) (rollout.State, error) {
	w := h.work(ctx, release)
	defer w.end()
	return w.runner.Do(ctx, release, asked, plan)
}

// Say leaves word to whoever works on a release, see runner.Runner.Say.
func (h *Hub) Say(ctx context.Context, release runner.Release, version string, change func(rollout.State, *rollout.Statements) error) (rollout.State, error) {
	w := h.work(ctx, release)
	defer w.end()
	return w.runner.EditStatements(ctx, release, version, change)
}

// User is how the API server knows whoever runs this process; "" where it does not say.
func (h *Hub) User(ctx context.Context) (string, error) {
	user, err := h.options.Cluster.User(ctx)
	if kube.IsForbidden(err) || kube.IsNotFound(err) {
		return "", nil
	}
	return user, err
}

// work is what this process does for one release.
type work struct {
	*cluster
	router route.Live
	runner runner.Runner
	end    func()
}

func (h *Hub) work(ctx context.Context, release runner.Release) *work {
	// What is followed lasts until end: also after ctx has ended, on the way out.
	shared, end := h.cluster.Share(ctx)
	exposed := new(atomic.Bool)
	c := &cluster{
		kube:        shared.Patient(func() bool { return h.options.Patient && exposed.Load() }),
		noWait:      h.options.NoWait,
		annotations: h.options.Annotations,
		now:         h.options.Now,
		emit: func(format string, args ...any) {
			e := rollout.Event{Time: h.options.Now().UTC(), Kind: rollout.EventProgress}
			h.tell(release, e.WithText(format, args...))
		},
	}
	w := &work{cluster: c, router: h.options.Router(c), end: end}
	w.runner = runner.Runner{
		Objects: c, Workloads: c, Store: c, Lock: c, Inbox: c, Router: w.router,
		Now: h.options.Now, Wait: h.options.Wait, Exposed: exposed.Store, Options: h.options.Runner,
		Emit: func(e rollout.Event) { h.tell(release, e) },
	}
	if h.options.DryRun != kube.DryRunNone {
		w.rehearse(h.options)
	}
	return w
}

// tell tells what happened, without what others wrote that looks like a secret. What is
// remembered of a release goes through the same in package rollout.
func (h *Hub) tell(release runner.Release, e rollout.Event) {
	e.Text = redact.Text(e.Text)
	if e.Judged != nil {
		judged := *e.Judged
		judged.Reason = redact.Text(judged.Reason)
		e.Judged = &judged
	}
	h.telling.Lock()
	defer h.telling.Unlock()
	h.options.Emit(release, e)
}

// Delayed tells of a call to the API server that takes long, for whichever release it is.
func (h *Hub) Delayed(d kube.Delay) {
	h.tell(runner.Release{}, rollout.Event{Time: h.options.Now().UTC(), Kind: rollout.EventProgress, Text: d.String()})
}
