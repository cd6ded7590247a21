// Package assets provides the programs and files of a test cluster. It builds them once from
// Go modules, and keeps them in a cache folder.
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

// The versions to build. The go.mod files have the same ones (a test compares).
const (
	KubernetesVersion = "1.37.2"
	EtcdVersion       = "3.7.3"
	EmissaryVersion   = "3.10.0"
	PrometheusVersion = "0.316.0" // of the module; the release is called 3.16.0
)

// Assets holds the paths of all programs and files.
type Assets struct {
	Etcd      string
	APIServer string
	Kubectl   string

	// Empty unless Store.Complete is set.
	ControllerManager, Scheduler, Kubelet, KubeProxy, Prometheus string

	EmissaryCRDs string // YAML from Emissary
}

const prometheusModule = "github.com/prometheus/prometheus"

// Store holds the cache folder, and the settings to fill it.
type Store struct {
	Dir       string    // cache folder, of this Kubernetes version
	Source    string    // folder of the module test/cluster; "" if unknown
	Installed string    // folder of finished binaries, used as they are; "" for none
	Log       io.Writer // progress, and the output of the go command
	Complete  bool      // also build the programs of a node
}

// program is a program to build from a Go module.
type program struct {
	name    string
	folder  string // of the Go module that requires it, inside Store.Source
	module  string // the module it belongs to
	pkg     string
	version string
	flags   []string      // of go build
	took    time.Duration // of the first build, on two cores
}

// programs returns the programs of the store.
func (s Store) programs() []program {
	all := programs()
	if s.Complete {
		return all
	}
	return all[:3]
}

// programs returns all programs, those of a control plane first.
func programs() []program {
	const stamp = "k8s.io/component-base/version."
	kubernetes := []string{"-ldflags", "-s -w -X " + stamp + "gitVersion=v" + KubernetesVersion +
		" -X " + stamp + "gitMajor=1 -X " + stamp + "gitMinor=37 -X " + stamp + "gitTreeState=clean"}
	etcd := []string{"-ldflags", "-s -w"}
	// Of all its service discoveries, only the one for Kubernetes.
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

// Ensure builds the missing programs and returns the paths of all.
func (s Store) Ensure(ctx context.Context) (Assets, error) {
	if a, missing := s.find(); len(missing) == 0 {
		return a, nil
	}
	if s.Source == "" {
		return Assets{}, errors.New("the programs of Kubernetes are not built yet, and the folder test/cluster with their source was not found: run `go -C test/cluster run . build` in the canarize repository")
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return Assets{}, fmt.Errorf("make the cache folder: %w", err)
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return Assets{}, err
	}
	defer unlock()
	a, missing := s.find() // another process may have built them meanwhile
	return a, s.make(ctx, missing)
}

// task makes a missing program or file.
type task struct {
	what string
	took time.Duration // of the first time, on two cores
	do   func(context.Context) error
}

// make runs all tasks, after it has logged what they are and how long they take.
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

// aloud calls do, which may take minutes, and logs every minute that it goes on.
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

// about formats a duration for people, roughly.
func about(d time.Duration) string {
	if d <= time.Minute {
		return fmt.Sprintf("%.0f seconds", d.Seconds())
	}
	return fmt.Sprintf("about %.0f minutes", math.Ceil(d.Minutes()))
}

// find returns the paths of everything, present or future, and a task for each missing
// thing.
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

// builtAt reports whether path is p at the right version for this machine. It reads the
// build information that the go command writes into every binary, so it always belongs to
// the binary.
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
