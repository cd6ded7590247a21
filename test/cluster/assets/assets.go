// Package assets provides the programs and files a test cluster is made of:
// built from Go modules once, and kept in a cache folder.
package assets

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Versions of what is built. The go.mod files say the same (a test compares).
const (
	KubernetesVersion = "1.37.2"
	EtcdVersion       = "3.7.3"
	EmissaryVersion   = "3.10.0"
	PrometheusVersion = "0.316.0" // of the module; Prometheus itself calls it 3.16.0
)

// Assets says where everything is.
type Assets struct {
	Etcd      string
	APIServer string
	Kubectl   string

	// Empty unless the store is to be complete.
	ControllerManager, Scheduler, Kubelet, KubeProxy, Prometheus string

	EmissaryCRDs string // YAML, as Emissary ships it
}

const prometheusModule = "github.com/prometheus/prometheus"

// Store is the cache folder, and what is needed to fill it.
type Store struct {
	Dir       string    // cache folder, of this Kubernetes version
	Source    string    // folder of the module test/cluster; "" when unknown
	Installed string    // folder of ready binaries that are used as they are; "" for none
	Log       io.Writer // what is being built, and what the go command says
	Complete  bool      // also what a cluster with a node is made of
}

// program is something to build from a Go module.
type program struct {
	name    string
	folder  string // of the Go module that requires it, inside Store.Source
	module  string // the module it belongs to
	pkg     string
	version string
	flags   []string      // of go build
	took    time.Duration // the first build, on two cores
}

// programs are those a store has.
func (s Store) programs() []program {
	all := programs()
	if s.Complete {
		return all
	}
	return all[:3]
}

// programs are all there are, those of a control plane first.
func programs() []program {
	const stamp = "k8s.io/component-base/version."
	kubernetes := []string{"-ldflags", "-s -w -X " + stamp + "gitVersion=v" + KubernetesVersion +
		" -X " + stamp + "gitMajor=1 -X " + stamp + "gitMinor=37 -X " + stamp + "gitTreeState=clean"}
	etcd := []string{"-ldflags", "-s -w"}
	// Of all its ways to find targets, only that in Kubernetes.
	prometheus := append([]string{"-tags", "remove_all_sd,enable_kubernetes_sd"}, etcd...)
	return []program{
		{"etcd", "etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3", EtcdVersion, etcd, 90 * time.Second},
		{"kubectl", ".", "k8s.io/kubernetes", "k8s.io/kubernetes/cmd/kubectl", KubernetesVersion, kubernetes, 90 * time.Second},
		{"kube-apiserver", ".", "k8s.io/kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", KubernetesVersion, kubernetes, 5 * time.Minute},
		{"kube-controller-manager", ".", "k8s.io/kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager", KubernetesVersion, kubernetes, 90 * time.Second},
		{"kube-scheduler", ".", "k8s.io/kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler", KubernetesVersion, kubernetes, 10 * time.Second},
		{"kubelet", ".", "k8s.io/kubernetes", "k8s.io/kubernetes/cmd/kubelet", KubernetesVersion, kubernetes, 90 * time.Second},
		{"kube-proxy", ".", "k8s.io/kubernetes", "k8s.io/kubernetes/cmd/kube-proxy", KubernetesVersion, kubernetes, 10 * time.Second},
		{"prometheus", "prometheus", prometheusModule, prometheusModule + "/cmd/prometheus", PrometheusVersion, prometheus, 2 * time.Minute},
	}
}

// Ensure builds what is missing, and says where everything is.
func (s Store) Ensure(ctx context.Context) (Assets, error) {
	if a, missing := s.find(); len(missing) == 0 {
		return a, nil
	}
	if s.Source == "" {
		return Assets{}, errors.New("nothing of Kubernetes has been built yet, and the folder test/cluster to build it from was not found: run `go -C test/cluster run . build` in a checkout of canarize")
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return Assets{}, fmt.Errorf("make the cache folder: %w", err)
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return Assets{}, err
	}
	defer unlock()
	a, missing := s.find() // somebody else may have built it meanwhile
	return a, s.make(ctx, missing)
}

// task makes a thing that is not there.
type task struct {
	what string
	took time.Duration // the first time, on two cores
	do   func(context.Context) error
}

// make does all tasks, and says first what they are and how long they take.
func (s Store) make(ctx context.Context, missing []task) error {
	var names []string
	var all time.Duration
	for _, m := range missing {
		names = append(names, m.what)
		all += m.took
	}
	if len(missing) > 0 {
		fmt.Fprintf(s.Log, "cluster: getting %s, once for this machine; with two cores that usually takes %s\n", strings.Join(names, ", "), about(all))
	}
	for _, m := range missing {
		if err := s.aloud(m.what, func() error { return m.do(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

// aloud does what may take minutes, and says every minute that it goes on.
func (s Store) aloud(what string, do func() error) error {
	ended, began := make(chan error, 1), time.Now()
	go func() { ended <- do() }()
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-tick.C:
			fmt.Fprintf(s.Log, "cluster: still at %s, for %s\n", what, time.Since(began).Round(time.Second))
		}
	}
}

// about says a time as people do.
func about(d time.Duration) string {
	if d <= time.Minute {
		return fmt.Sprintf("%.0f seconds", d.Seconds())
	}
	return fmt.Sprintf("about %.0f minutes", math.Ceil(d.Minutes()))
}

// find looks for everything, and gives a task for each thing that is not there. The paths are those where it is or will be.
func (s Store) find() (a Assets, missing []task) {
	paths := map[string]string{}
	for _, p := range s.programs() {
		if installed := filepath.Join(s.Installed, p.name); s.Installed != "" && isExecutable(installed) {
			paths[p.name] = installed
			continue
		}
		paths[p.name] = filepath.Join(s.Dir, p.name)
		if !p.builtAt(paths[p.name]) {
			missing = append(missing, task{p.name + " " + p.version, p.took, func(ctx context.Context) error { return s.build(ctx, p) }})
		}
	}
	crds := filepath.Join(s.Dir, "emissary-"+EmissaryVersion+"-crds.yaml")
	if _, err := os.Stat(crds); err != nil {
		missing = append(missing, task{"the CRDs of Emissary " + EmissaryVersion, 10 * time.Second, func(ctx context.Context) error { return s.copyCRDs(ctx, crds) }})
	}
	return Assets{
		Etcd:         paths["etcd"],
		APIServer:    paths["kube-apiserver"],
		Kubectl:      paths["kubectl"],
		EmissaryCRDs: crds,

		ControllerManager: paths["kube-controller-manager"],
		Scheduler:         paths["kube-scheduler"],
		Kubelet:           paths["kubelet"],
		KubeProxy:         paths["kube-proxy"],
		Prometheus:        paths["prometheus"],
	}, missing
}

// builtAt says whether path is p at the right version for this machine. The
// stamp is the one the go command leaves in every binary, so it can not get
// separated from what it describes.
func (p program) builtAt(path string) bool {
	info, err := buildinfo.ReadFile(path)
	if err != nil || info.Main.Path != p.module || info.Main.Version != "v"+p.version {
		return false
	}
	platform := map[string]string{}
	for _, s := range info.Settings {
		platform[s.Key] = s.Value
	}
	return platform["GOOS"] == runtime.GOOS && platform["GOARCH"] == runtime.GOARCH
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}
