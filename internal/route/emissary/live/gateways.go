package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route/emissary/derive"
)

// Gateway configures where Emissary runs and how it is queried.
type Gateway struct {
	// Namespace is the namespace of its pods; "" means all namespaces.
	Namespace string
	// Selector is the label selector of its pods; "" means the label in Emissary's own
	// manifests and its chart.
	Selector string
	// Patience is how long a share may take to be applied; 0 means 30 s. Emissary
	// applies one change a second, and a large configuration takes longer.
	Patience time.Duration
	// Every is the interval between two queries of a pod, shared by all callers; 0
	// means half a second. A query uses a tunnel and needs no request to the API
	// server.
	Every time.Duration
	// Forward opens a tunnel to a pod; nil means through the API server.
	Forward func(ctx context.Context, namespace, pod string) (Tunnel, error)
}

// PodSelector selects the pods of Emissary by the label in its own manifests and its
// chart.
const PodSelector = "app.kubernetes.io/name=emissary-ingress"

// Gateways queries the pods of an Emissary. All releases of a process share it: one
// tunnel to each pod, and one read of a page for all callers that want it at the same
// time. It is safe for concurrent use.
type Gateways struct {
	cluster *kube.Cluster
	where   Gateway

	tunnels    *tunnels
	views      *shared[viewKey, pageView]
	statistics *shared[podID, statisticsPage]
	wanted     *wanted
	listed     *shared[struct{}, []kube.Pod]
	suspects   *shared[search, []suspect]
	there      atomic.Bool // there has been a pod
}

// NewGateways returns Gateways for an Emissary. It sends no request yet. The caller
// closes it.
func NewGateways(c *kube.Cluster, where Gateway) *Gateways {
	if where.Selector == "" {
		where.Selector = PodSelector
	}
	if where.Patience == 0 {
		where.Patience = 30 * time.Second
	}
	if where.Every == 0 {
		where.Every = 500 * time.Millisecond
	}
	if where.Forward == nil {
		where.Forward = func(ctx context.Context, namespace, pod string) (Tunnel, error) {
			return c.Forward(ctx, namespace, pod)
		}
	}
	g := &Gateways{
		cluster: c, where: where,
		tunnels: &tunnels{forward: where.Forward, all: map[podID]*podTunnel{}},
		wanted:  &wanted{clusters: map[string]int{}},
	}
	g.views, g.statistics, g.listed = newShared(g.readView), newShared(g.readStatistics), newShared(g.list)
	g.suspects = newShared(g.searchSuspects)
	return g
}

// There reports whether there are gateway pods.
func (g *Gateways) There(ctx context.Context) (bool, error) {
	if g.there.Load() {
		return true, nil
	}
	pods, err := g.listed.get(ctx, struct{}{}, 0)
	if len(pods) > 0 {
		g.there.Store(true)
	}
	return len(pods) > 0, err
}

func (g *Gateways) list(ctx context.Context, _ struct{}) ([]kube.Pod, error) {
	objects, err := g.cluster.List(ctx, kube.Ref{Kind: "Pod", Namespace: g.where.Namespace}, g.where.Selector)
	if err != nil {
		return nil, err
	}
	return kube.PodsOf(objects)
}

// Versions implements Verifier.
func (g *Gateways) Versions(ctx context.Context) ([]derive.Version, error) {
	pods, err := g.listed.get(ctx, struct{}{}, 0)
	return VersionsOf(pods), err
}

// VersionsOf returns the versions of Emissary that pods run, each once, the oldest first,
// as far as their images tell.
func VersionsOf(pods []kube.Pod) []derive.Version {
	var all []derive.Version
	for _, p := range pods {
		for _, image := range p.Images {
			if v, known := derive.ImageVersion(image); known {
				all = append(all, v)
			}
		}
	}
	slices.SortFunc(all, derive.Version.Compare)
	return slices.Compact(all)
}

// Close closes all tunnels.
func (g *Gateways) Close() { g.keep(func(podID) bool { return false }) }

// keep drops the tunnels and pages of all other pods.
func (g *Gateways) keep(wanted func(podID) bool) {
	g.tunnels.keep(wanted)
	g.views.forget(func(of viewKey) bool { return wanted(of.pod) })
	g.statistics.forget(wanted)
}

// Verified describes how a share was verified.
type Verified struct {
	Pods    int      // gateway pods; all agree
	Sources []string // the queried pages
}

func (v Verified) String() string {
	pods := "the gateway pod"
	if v.Pods != 1 {
		pods = fmt.Sprintf("all %d gateway pods", v.Pods)
	}
	return fmt.Sprintf("on %s, by %s", pods, strings.Join(v.Sources, ", "))
}

// NotVerifiedError reports that the gateways did not apply the wanted shares in time.
type NotVerifiedError struct {
	Where    Gateway
	After    time.Duration       // the time waited
	Pods     int                 // ready pods, also those without a problem
	Problems map[string][]string // by namespace/name of the pod; empty if no pod is ready
	Taken    *rollout.Taken      // what the pods do instead; nil if none has answered
	Suspects []string            // objects that may be the reason, each with why
}

func (e *NotVerifiedError) Error() string {
	if len(e.Problems) == 0 {
		namespace := "any namespace"
		if e.Where.Namespace != "" {
			namespace = "namespace " + e.Where.Namespace
		}
		return fmt.Sprintf("no pod of the gateway with the label %s is ready in %s", e.Where.Selector, namespace)
	}
	text := fmt.Sprintf("the gateway has not applied the shares within %s%s", e.After, inWords(e.Problems, e.Pods))
	if e.Taken != nil && e.Taken.Unchanged > 0 {
		text += "; " + e.Taken.Idle()
	}
	return strings.Join(append([]string{text}, e.Suspects...), "; ")
}

// refusal returns the error in the form that a release handles.
func (e *NotVerifiedError) refusal() *rollout.Refusal {
	if len(e.Problems) == 0 {
		return &rollout.Refusal{Code: rollout.RefusedNoGatewayPod, Err: e}
	}
	return &rollout.Refusal{Code: rollout.RefusedNotTaken, Taken: e.Taken, Err: e}
}

// VerifyShare waits until every ready gateway pod gives the wanted shares, according to
// Envoy's routes, and Emissary reports no error about the Mappings. New pods are
// queried too. If Envoy's admin interface cannot be reached, VerifyShare uses
// Emissary's diagnostics, which do not show TCPMappings. If the shares are not applied
// in time, it returns a *NotVerifiedError.
func (g *Gateways) VerifyShare(ctx context.Context, wants []Want, patience time.Duration) (Verified, error) {
	patience = cmp.Or(patience, g.where.Patience)
	ctx, end := context.WithCancelCause(ctx)
	v := &verification{gateways: g, wants: wants, began: time.Now(), end: end, pods: map[podID]*gatewayPod{}}
	defer v.asking.Wait()
	defer end(nil)
	limit := time.AfterFunc(patience, func() { end(endedError{v.refused(patience)}) })
	defer limit.Stop()
	pods := g.Pods()
	defer pods.Close()
	err := pods.Watch(ctx, func(running []kube.Pod) (bool, error) {
		v.update(ctx, running)
		return false, nil
	})
	var ended endedError
	switch {
	case errors.Is(err, errAgreed):
		return v.verified(), nil
	case errors.As(err, &ended):
		return Verified{}, ended.error
	}
	return Verified{}, err
}

// errAgreed ends a verification when all pods agree.
var errAgreed = errors.New("all gateway pods agree")

// endedError ends a verification that failed.
type endedError struct{ error }

// verification is one call of VerifyShare.
type verification struct {
	gateways *Gateways
	wants    []Want
	began    time.Time
	end      context.CancelCauseFunc
	asking   sync.WaitGroup

	mu   sync.Mutex
	pods map[podID]*gatewayPod
}

// gatewayPod is a pod that is queried.
type gatewayPod struct {
	id   podID
	stop context.CancelFunc

	agrees   bool
	answer   answer
	answered time.Time // when; zero if never
	problems []string
}

// update starts queries of pods that have become ready, and drops the others.
func (v *verification) update(ctx context.Context, running []kube.Pod) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now, ready := map[podID]bool{}, map[podID]bool{}
	for _, pod := range running {
		id := idOf(pod)
		now[id], ready[id] = true, pod.Ready
		if !pod.Ready || v.pods[id] != nil {
			continue
		}
		asking, stop := context.WithCancel(ctx)
		p := &gatewayPod{id: id, stop: stop, problems: []string{"no answer yet"}}
		v.pods[id] = p
		v.asking.Go(func() { v.ask(asking, p) })
	}
	for id, p := range v.pods {
		if !ready[id] {
			p.stop()
			delete(v.pods, id)
		}
	}
	v.gateways.keep(func(id podID) bool { return now[id] })
	v.endWhenAgreed()
}

func (v *verification) endWhenAgreed() {
	if len(v.pods) == 0 {
		return
	}
	for _, p := range v.pods {
		if !p.agrees {
			return
		}
	}
	v.end(errAgreed)
}

// ask queries a pod until it agrees. A missing permission for a tunnel is a permanent
// error.
func (v *verification) ask(ctx context.Context, p *gatewayPod) {
	defer p.stop()
	for {
		got, err := v.gateways.query(ctx, p.id, v.wants)
		problems := got.problems
		switch {
		case ctx.Err() != nil:
			return
		case kube.IsForbidden(err):
			v.end(endedError{err})
			return
		case err != nil:
			problems = []string{noAnswer(p.id, err)}
		}
		v.mu.Lock()
		p.agrees, p.problems = len(problems) == 0, problems
		if err == nil {
			p.answered, p.answer = time.Now(), got
		}
		v.endWhenAgreed()
		v.mu.Unlock()
		if len(problems) == 0 || kube.Pause(ctx, v.gateways.where.Every) != nil {
			return
		}
	}
}

func (v *verification) verified() Verified {
	v.mu.Lock()
	defer v.mu.Unlock()
	sources := map[string]bool{}
	for _, p := range v.pods {
		sources[p.answer.source] = true
	}
	return Verified{Pods: len(v.pods), Sources: slices.Sorted(maps.Keys(sources))}
}

func (v *verification) refused(after time.Duration) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	problems := map[string][]string{}
	for _, p := range v.pods {
		if !p.agrees {
			problems[p.id.namespace+"/"+p.id.name] = p.problems
		}
	}
	return &NotVerifiedError{Where: v.gateways.where, After: after, Pods: len(v.pods), Problems: problems, Taken: v.taken()}
}

// taken returns what the pods do; nil if none has answered. The routes of a pod are
// unchanged if they are older than the verification, which begins after the weight was
// written.
func (v *verification) taken() *rollout.Taken {
	shares := make([]podShare, 0, len(v.pods))
	for _, p := range v.pods {
		share := podShare{agrees: p.agrees}
		if !p.answered.IsZero() {
			share.known = true
			share.least, share.most = p.answer.view.taken(v.wants)
			if share.unchanged = p.answer.view.unchanged(); share.unchanged < p.answered.Sub(v.began) {
				share.unchanged = 0
			}
		}
		shares = append(shares, share)
	}
	return takenOf(shares)
}
