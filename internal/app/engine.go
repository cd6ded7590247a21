package app

import (
	"context"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/redact"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
)

// EngineOptions say which cluster releases are carried out in, and how.
type EngineOptions struct {
	Target            kube.Target
	EmissaryNamespace string
	ShareTimeout      time.Duration // for Emissary, until a share is real; 0 means kube's
	DryRun            kube.DryRun
	NoWait            bool              // fail at once when another process works on the release
	Patient           bool              // while a canary is known to have traffic, ask the API server until the context ends
	Annotations       map[string]string // on everything that is applied
	Runner            runner.Options
	Emit              func(rollout.Event) // is told what happens, in order
}

// Engine carries out releases in one cluster. The caller closes it.
type Engine struct {
	cluster  *cluster
	gateways *kube.Gateways
	runner   runner.Runner
}

// NewEngine prepares to talk to a cluster. It sends no request yet.
func NewEngine(options EngineOptions) (*Engine, error) {
	var telling sync.Mutex
	tell := func(e rollout.Event) {
		e = withoutSecrets(e)
		telling.Lock()
		defer telling.Unlock()
		options.Emit(e)
	}
	emit := func(format string, args ...any) {
		e := rollout.Event{Time: time.Now().UTC(), Kind: rollout.EventProgress}
		tell(e.Saying(format, args...))
	}
	c := &cluster{dryRun: options.DryRun, noWait: options.NoWait, annotations: options.Annotations, emit: emit}
	connected, err := kube.Connect(options.Target, kube.Options{
		Patient: func() bool { return options.Patient && c.traffic.Load() },
		Delayed: func(d kube.Delay) { emit("%s", d) },
	})
	if err != nil {
		return nil, err
	}
	c.kube = connected
	gateways := connected.Gateways(kube.Gateway{Namespace: options.EmissaryNamespace, Selector: gatewayPods, Patience: options.ShareTimeout})
	return &Engine{cluster: c, gateways: gateways, runner: runner.Runner{
		Objects: c, Workloads: c, Store: c, Lock: c, Inbox: c,
		Router: &router{cluster: c, namespace: options.EmissaryNamespace, gateways: gateways},
		Now:    time.Now, Wait: pause(options.DryRun), Emit: tell, Exposed: c.traffic.Store, Options: options.Runner,
	}}, nil
}

// withoutSecrets is an event without what others wrote that looks like a secret. What is
// remembered of a release goes through the same in package rollout.
func withoutSecrets(e rollout.Event) rollout.Event {
	e.Text = redact.Text(e.Text)
	if e.Judged != nil {
		judged := *e.Judged
		judged.Reason = redact.Text(judged.Reason)
		e.Judged = &judged
	}
	return e
}

// Close ends what is kept open between two verifications.
func (e *Engine) Close() { e.gateways.Close() }

// Requests is how many requests were sent to the API server; a watch counts as one.
func (e *Engine) Requests() int { return e.cluster.kube.Requests() }

// pause waits for a time or until a context ends; in a dry run not at all.
func pause(dryRun kube.DryRun) func(context.Context, time.Duration) error {
	return func(ctx context.Context, d time.Duration) error {
		if dryRun != kube.DryRunNone {
			return ctx.Err()
		}
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Do carries out what is asked for, see runner.Runner.Do.
func (e *Engine) Do(ctx context.Context, release runner.Release, asked rollout.Asked, plan *rollout.Plan) (rollout.State, error) {
	defer e.remember(ctx)()
	return e.runner.Do(ctx, release, asked, plan)
}

// remember keeps what is read of the cluster until it is ended: also after ctx has,
// while the way out is being taken.
func (e *Engine) remember(ctx context.Context) (end func()) {
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	direct := e.cluster.kube
	e.cluster.kube = direct.Following(following)
	return func() {
		stop()
		e.cluster.kube = direct
	}
}
