package demo

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/kube/kubetest"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/plan"
	"github.com/canarize/canarize/internal/releasefile"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/wiring"
)

var (
	//go:embed shop.yml
	shopFile string
	//go:embed release.yml
	releaseFile string
)

const (
	oldImage = "registry.example.com/shop:1"
	newImage = "registry.example.com/shop:2"
	// crashLog is the log of a pod that crashes.
	crashLog = "starting shop 2\nfatal: no such table: orders\n"
)

// world is the cluster with the shop, its gateway and its users.
type world struct {
	api      *kubetest.API
	node     *node
	gateway  *gateway
	envoy    *Envoy // nil without one
	clients  *clients
	old, new *version
	release  releasefile.File
	plan     rollout.Plan
	speed    float64
	leave    func() // ends the users
	end      func() // stops everything
	// failed receives why the gateway has ended by itself.
	failed chan error

	mu     sync.Mutex
	usual  Behaviour // of the new version, without an outage
	outage bool
}

// newWorld starts the old version and its users, who send speed times as many requests as
// usual, through the Envoy at a path, or a stand-in for one if that is "". The end of ctx only
// ends its start.
func newWorld(ctx context.Context, speed float64, envoy string) (*world, error) {
	w := &world{speed: speed, api: kubetest.New(), old: &version{name: "1"}, new: &version{name: "2"}, failed: make(chan error, 1)}
	w.node = &node{api: w.api, versions: map[string]*version{oldImage: w.old, newImage: w.new}, log: crashLog, pods: map[string]*pod{}, over: make(chan struct{})}
	w.api.Settle = w.node.settle
	w.api.Intercept(w.node.intercept)
	if err := w.derive(); err != nil {
		return nil, err
	}
	w.api.Put("/api/v1/namespaces/"+gatewayNamespace+"/pods/emissary-0", values{
		"apiVersion": "v1", "kind": "Pod", "metadata": values{"name": "emissary-0", "namespace": gatewayNamespace, "labels": values{"app.kubernetes.io/name": "emissary-ingress"}},
		"spec":   values{"containers": []any{values{"name": "ambassador", "image": "docker.io/emissaryingress/emissary:4.1.0"}}},
		"status": values{"phase": "Running", "conditions": []any{values{"type": "Ready", "status": "True"}}},
	})
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running, using sync.WaitGroup
	w.node.reconcile() // the first user finds pods
	running.Go(func() { w.node.run(working) })
	address, err := w.open(ctx, envoy)
	if err != nil {
		cancel()
		running.Wait()
		return nil, err
	}
	w.clients = newClients(address)
	running.Go(func() {
		if err := w.gateway.run(working); err != nil {
			w.failed <- err
		}
	})
	users, leave := context.WithCancel(working)
	using.Go(func() { w.clients.run(users, PerSecond*speed) })
	w.leave = func() { leave(); using.Wait() }
	w.end = sync.OnceFunc(func() {
		w.leave()
		cancel()
		running.Wait()
	})
	return w, nil
}

// open opens the gateway, and returns where it takes the users' requests.
func (w *world) open(ctx context.Context, envoy string) (address string, err error) {
	w.gateway, err = newGateway(w.api, w.node, func(first routing) (proxy, error) {
		if envoy == "" {
			b, err := startBuiltin(first)
			if err == nil {
				address = b.address()
			}
			return b, err
		}
		e, err := startEnvoy(ctx, envoy, first)
		if err == nil {
			address, w.envoy = e.address, &e.about
		}
		return e, err
	})
	return address, err
}

// derive makes the plan of the release from the manifests, and puts the old version into
// the cluster.
func (w *world) derive() error {
	release, err := releasefile.Parse("release.yml", []byte(releaseFile))
	if err != nil {
		return err
	}
	w.release = release
	objects, err := manifest.Parse(manifest.Source{Name: "shop.yml", Data: []byte(shopFile)})
	if err != nil {
		return err
	}
	set, err := manifest.NewSet(objects, namespace)
	if err != nil {
		return err
	}
	options := plan.Options{Routers: wiring.Routers(wiring.Routing{Emissary: wiring.Emissary{Namespace: gatewayNamespace}})}
	options.Canary.Suffix = release.Canary.Suffix
	image, err := canary.ParseImage(newImage)
	if err != nil {
		return err
	}
	options.Canary.Images = []canary.Image{image}
	planned, err := plan.Release(set, plan.ReleaseOptions{Generate: options})
	if err != nil {
		return err
	}
	w.plan = planned.Plan
	for _, o := range objects {
		stable := o.Value()
		w.api.Put(pathOf(stable), stable)
	}
	return nil
}

// pathOf returns the path of an object of the shop.
func pathOf(o map[string]any) string {
	id := object.ID(o)
	return map[string]string{"Deployment": deploymentsPath, "Service": servicesPath, "Mapping": mappingsPath}[id.Kind] + id.Name
}

// process is a process that releases. It can be killed.
type process struct {
	hub  wiring.Hub
	dead atomic.Bool
	api  http.RoundTripper
}

// errDead is what a killed process gets; its client does not try again.
var errDead = fmt.Errorf("the process is dead: %w", context.Canceled)

// RoundTrip implements http.RoundTripper: a dead process writes nothing.
func (p *process) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.dead.Load() {
		return nil, errDead
	}
	return p.api.RoundTrip(r)
}

// start starts a process.
func (w *world) start(emit func(rollout.Event)) (*process, error) {
	p := &process{api: w.api}
	cluster, err := kube.New(&rest.Config{Host: "http://demo", Transport: p}, kube.Options{})
	if err != nil {
		return nil, err
	}
	options := wiring.Options{
		Forward: w.gateway.forward, Emissary: wiring.Emissary{Namespace: gatewayNamespace},
		ShareTimeout: 5 * time.Second,
		Emit: func(e rollout.Event) {
			if !p.dead.Load() {
				emit(e)
			}
		},
	}
	options.Cluster = cluster
	options.Runner.ReadyTimeout = w.release.Timeouts.Ready
	p.hub, err = wiring.Connect(options)
	return p, err
}

// kill ends a process at once: nothing that it still does reaches the cluster.
func (p *process) kill() { p.dead.Store(true) }

// stableVersion returns the version that stable has now.
func (w *world) stableVersion() string {
	_, image, _, _ := wanted(w.api.Get(deploymentsPath + "shop"))
	_, version, _ := strings.Cut(image, ":")
	return version
}

// perform does a deed that needs no process.
func (w *world) perform(d Deed) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if b, breaks := d.broken(); breaks {
		w.behave(b, w.outage)
		return nil
	}
	switch d {
	case BreakBoth, MendBoth:
		w.behave(w.usual, d == BreakBoth)
	case Freeze:
		w.gateway.freeze()
	case Silence, Speak:
		w.gateway.silence(d == Silence)
	default:
		return fmt.Errorf("unknown deed %q", d)
	}
	return nil
}

// lost is the ratio of requests that an outage makes fail, in both versions.
const lost = .3

// behave makes both versions behave as the deeds so far say. It needs the mutex.
func (w *world) behave(usual Behaviour, outage bool) {
	w.usual, w.outage = usual, outage
	stable, canary := Behaviour{}, usual
	canary.Leak *= w.speed // as much in the same part of the release
	if outage {
		stable.Errors, canary.Errors = lost, canary.Errors+lost
	}
	now := time.Now()
	w.old.behave(stable, now)
	w.new.behave(canary, now)
}

// silent is the log of servers: their errors belong to the story, not on the terminal.
func silent() *log.Logger { return log.New(io.Discard, "", 0) }
