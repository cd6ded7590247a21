// Package hub connects a process to one cluster. All releases of the process share the
// cache of the cluster, the connections to the gateways, and the request counts.
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

// Options configures a Hub. Cluster, Router, Source and Emit are required.
type Options struct {
	Cluster *kube.Cluster
	Router  func(route.Cluster) route.Live
	Source  Opener

	DryRun      kube.DryRun
	NoWait      bool              // fail at once if another process works on the release
	Patient     bool              // while a canary may have traffic, retry API server calls until the context ends
	Annotations map[string]string // added to every applied object
	Runner      runner.Options
	// Now returns the time. Wait waits for a duration or until the context ends. nil
	// means time.Now and a timer.
	Now  func() time.Time
	Wait func(ctx context.Context, d time.Duration) error
	// Emit is called with each event of a release, in order.
	Emit func(runner.Release, rollout.Event)
}

// Hub carries out releases in one cluster. It is safe for concurrent use.
type Hub struct {
	options  Options
	emitting sync.Mutex

	cluster *kube.Cluster // options.Cluster with a cache that the releases share
}

// New returns a Hub. It sends no request yet.
func New(options Options) *Hub {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Wait == nil {
		options.Wait = kube.Pause
	}
	return &Hub{options: options, cluster: options.Cluster.WithCache()}
}

// Cluster returns the cluster.
func (h *Hub) Cluster() *kube.Cluster { return h.options.Cluster }

// Requests returns the number of requests sent to the API server; a watch counts as
// one.
func (h *Hub) Requests() int { return h.options.Cluster.Requests() }

// Do carries out a request, see runner.Runner.Do.
func (h *Hub) Do(ctx context.Context, release runner.Release, request rollout.Request, plan *rollout.Plan) (rollout.State, error) {
	w := h.work(ctx, release)
	defer w.end()
	return w.runner.Do(ctx, release, request, plan)
}

// EditStatements changes the statements of users about a release, see
// runner.Runner.EditStatements.
func (h *Hub) EditStatements(ctx context.Context, release runner.Release, version string, change func(rollout.State, *rollout.Statements) error) (rollout.State, error) {
	w := h.work(ctx, release)
	defer w.end()
	return w.runner.EditStatements(ctx, release, version, change)
}

// Mark stores the later truth about a release that is over, see runner.Runner.Mark.
func (h *Hub) Mark(ctx context.Context, release runner.Release, number int, mark *rollout.Mark) (past rollout.Past, changed bool, err error) {
	w := h.work(ctx, release)
	defer w.end()
	return w.runner.Mark(ctx, release, number, mark)
}

// User returns the name of the current user; "" if the API server does not tell it.
func (h *Hub) User(ctx context.Context) (string, error) {
	user, err := h.options.Cluster.User(ctx)
	if kube.IsForbidden(err) || kube.IsNotFound(err) {
		return "", nil
	}
	return user, err
}

// work carries out one release in this process.
type work struct {
	*cluster
	router route.Live
	runner runner.Runner
	end    func()
}

func (h *Hub) work(ctx context.Context, release runner.Release) *work {
	// The watches last until end, also after ctx has ended: they are needed for the
	// cleanup.
	shared, end := h.cluster.Share(ctx)
	exposed := new(atomic.Bool)
	c := &cluster{
		kube:        shared.Patient(func() bool { return h.options.Patient && exposed.Load() }),
		noWait:      h.options.NoWait,
		annotations: h.options.Annotations,
		now:         h.options.Now,
		emit: func(format string, args ...any) {
			e := rollout.Event{Time: h.options.Now().UTC(), Kind: rollout.EventProgress}
			h.emit(release, e.WithText(format, args...))
		},
	}
	w := &work{cluster: c, router: h.options.Router(c), end: end}
	w.runner = runner.Runner{
		Objects: c, Workloads: c, Store: c, Lock: c, Inbox: c, Rivals: c, Examiner: c, Router: w.router,
		Now: h.options.Now, Wait: h.options.Wait, Exposed: exposed.Store, Options: h.options.Runner,
		Emit: func(e rollout.Event) { h.emit(release, e) },
	}
	if h.options.DryRun != kube.DryRunNone {
		w.rehearse(h.options)
	}
	return w
}

// emit emits an event and masks secrets in foreign texts. Package rollout masks the
// texts that are stored.
func (h *Hub) emit(release runner.Release, e rollout.Event) {
	e.Text = redact.Text(e.Text)
	if e.Judged != nil {
		judged := *e.Judged
		judged.Reason = redact.Text(judged.Reason)
		e.Judged = &judged
	}
	h.emitting.Lock()
	defer h.emitting.Unlock()
	h.options.Emit(release, e)
}

// Delayed emits an event for an API server call that takes long. The event has no
// release.
func (h *Hub) Delayed(d kube.Delay) {
	h.emit(runner.Release{}, rollout.Event{Time: h.options.Now().UTC(), Kind: rollout.EventProgress, Text: d.String()})
}
