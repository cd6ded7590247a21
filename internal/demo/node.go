package demo

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/kube/kubetest"
	"github.com/canarize/canarize/internal/object"
)

type values = map[string]any

// Paths of the API server, to which a name is added.
const (
	namespace       = "demo"
	deploymentsPath = "/apis/apps/v1/namespaces/" + namespace + "/deployments/"
	servicesPath    = "/api/v1/namespaces/" + namespace + "/services/"
	podsPath        = "/api/v1/namespaces/" + namespace + "/pods/"
	mappingsPath    = "/apis/getambassador.io/v3alpha1/namespaces/" + namespace + "/mappings/"
)

// node does what the controller of Deployments and a kubelet do: it keeps a server for
// every pod that a Deployment asks for.
type node struct {
	api      *kubetest.API
	versions map[string]*version // by image
	log      string              // of pods that crash

	mu     sync.Mutex
	pods   map[string]*pod // by name
	number int             // of pods ever made
	ending sync.WaitGroup
	over   chan struct{} // closed when the node ends: nobody waits for a pod any more
}

// pod is a server of a version.
type pod struct {
	name, deployment, image string
	labels                  values
	address                 string // "" if it is not ready
	server                  *http.Server
}

// run works until ctx ends, and then stops all servers.
func (n *node) run(ctx context.Context) {
	seen := -1
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if now := n.api.Version(); now != seen {
			seen = now
			n.reconcile()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			close(n.over)
			for _, p := range n.all() {
				n.stop(p, 0)
			}
			n.ending.Wait()
			return
		}
	}
}

// settle makes the status of a Deployment tell what runs. The API server calls it for every
// object that is stored.
func (n *node) settle(o map[string]any) {
	if o["kind"] != "Deployment" {
		return
	}
	name, image, replicas, _ := wanted(o)
	n.mu.Lock()
	defer n.mu.Unlock()
	all, updated, ready := 0, 0, 0
	for _, p := range n.pods {
		if p.deployment != name {
			continue
		}
		all++
		if p.image != image {
			continue
		}
		updated++
		if p.address != "" {
			ready++
		}
	}
	ready = min(ready, replicas)
	o["status"] = values{
		"observedGeneration": int64(1), "replicas": int64(all), "updatedReplicas": int64(min(updated, replicas)), "readyReplicas": int64(ready),
		"availableReplicas": int64(ready), "unavailableReplicas": int64(replicas - ready),
	}
}

// wanted returns what a Deployment asks for.
func wanted(o map[string]any) (name, image string, replicas int, labels values) {
	if containers, _ := object.PodSpec(o)["containers"].([]any); len(containers) > 0 {
		first, _ := containers[0].(values)
		image, _ = first["image"].(string)
	}
	template, _ := object.Spec(o)["template"].(values)
	return object.ID(o).Name, image, object.Replicas(o), object.Labels(template)
}

// reconcile starts the pods that are missing and stops those that are too many, the ones of
// another image only after new ones are ready.
func (n *node) reconcile() {
	deployments := n.api.Under(deploymentsPath)
	for _, p := range n.all() {
		if deployments[deploymentsPath+p.deployment] == nil {
			n.stop(p, grace)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(deployments)) {
		name, image, replicas, labels := wanted(deployments[path])
		var current, others []*pod
		for _, p := range n.all() {
			switch {
			case p.deployment != name:
			case p.image == image:
				current = append(current, p)
			default:
				others = append(others, p)
			}
		}
		missing := replicas - len(current)
		for i := range max(missing, 0) {
			n.start(&pod{deployment: name, image: image, labels: labels}, len(current)+i)
		}
		for _, p := range current[min(len(current), replicas):] {
			n.stop(p, grace)
		}
		for _, p := range others {
			n.stop(p, grace)
		}
		if missing != 0 || len(others) > 0 {
			n.api.Edit(path, func(map[string]any) {}) // settle writes its status
		}
	}
}

// all returns the pods, sorted by name.
func (n *node) all() []*pod {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.SortedFunc(maps.Values(n.pods), func(a, b *pod) int { return cmp.Compare(a.name, b.name) })
}

// start starts the server of a pod, which is the nth of its Deployment, from 0.
func (n *node) start(p *pod, nth int) {
	v := n.versions[p.image]
	n.mu.Lock()
	n.number++
	p.name = fmt.Sprintf("%s-%05d", p.deployment, n.number)
	n.pods[p.name] = p
	n.mu.Unlock()
	container := values{"name": "shop", "image": p.image, "ready": true, "restartCount": int64(0), "state": values{"running": values{}}}
	if v == nil || v.crashes() {
		container["ready"], container["restartCount"] = false, int64(4)
		container["state"] = values{"waiting": values{"reason": "CrashLoopBackOff", "message": "back-off 1m20s restarting failed container"}}
		container["lastState"] = values{"terminated": values{"exitCode": int64(3), "reason": "Error"}}
	} else if err := n.listen(p, v.handler(nth)); err != nil {
		container["ready"] = false
		container["state"] = values{"waiting": values{"reason": "CreateContainerError", "message": err.Error()}}
	}
	ready := map[bool]string{true: "True", false: "False"}[container["ready"] == true]
	labels := maps.Clone(p.labels)
	_, labels["pod-template-hash"], _ = strings.Cut(p.image, ":")
	n.api.Put(podsPath+p.name, values{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": values{"name": p.name, "namespace": namespace, "labels": labels, "creationTimestamp": time.Now().UTC().Format(time.RFC3339)},
		"spec":     values{"containers": []any{values{"name": "shop", "image": p.image}}},
		"status": values{
			"phase": "Running", "conditions": []any{values{"type": "Ready", "status": ready}}, "containerStatuses": []any{container},
		},
	})
}

// listen serves on a free port of loopback.
func (n *node) listen(p *pod, handler http.Handler) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: silent()}
	n.mu.Lock()
	p.server, p.address = server, listener.Addr().String()
	n.mu.Unlock()
	n.ending.Go(func() {
		_ = server.Serve(listener) // until it is closed; the gateway notices if it fails
	})
	return nil
}

// grace is how long a pod answers requests after it has been deleted.
const grace = 500 * time.Millisecond

// stop takes a pod away from its Services, and then ends its server.
func (n *node) stop(p *pod, grace time.Duration) {
	n.mu.Lock()
	delete(n.pods, p.name)
	n.mu.Unlock()
	n.api.Drop(podsPath + p.name)
	if p.server == nil {
		return
	}
	n.ending.Go(func() {
		select {
		case <-time.After(grace):
		case <-n.over:
		}
		_ = p.server.Close() // nobody uses it any more
	})
}

// endpoints returns the addresses of the ready pods that a Service selects, in any order.
func (n *node) endpoints(service map[string]any) []string {
	selector, _ := object.Spec(service)["selector"].(values)
	var addresses []string
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.pods {
		selected := p.address != "" && len(selector) > 0
		for key, value := range selector {
			selected = selected && p.labels[key] == value
		}
		if selected {
			addresses = append(addresses, p.address)
		}
	}
	return addresses
}

// intercept answers requests for the logs of pods.
func (n *node) intercept(r *http.Request) (*http.Response, error) {
	if name, is := strings.CutSuffix(r.URL.Path, "/log"); is && strings.HasPrefix(name, podsPath) {
		return kubetest.Text(n.log), nil
	}
	return nil, nil
}
