// Package controlplane runs a real etcd and kube-apiserver for tests, with
// Emissary's CRDs installed. Without a node there is no controller either: objects
// are validated, defaulted and stored exactly as in production, and nothing acts
// on them. In particular a deleted namespace never disappears. With a node,
// Deployments get pods.
//
// A control plane has a folder and outlives the program that started it. Any
// program can end it with Stop and the folder, even after a crash.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/canarize/canarize/test/cluster/assets"
	"github.com/canarize/canarize/test/cluster/launch"
	"github.com/canarize/canarize/test/cluster/node"
	"github.com/canarize/canarize/test/cluster/process"
)

// Options describes the control plane to start.
type Options struct {
	Dir    string // created, and deleted by Stop
	Assets assets.Assets
	Log    io.Writer // one line for each progress

	// Guard records the calling process too, so that Stop from another program
	// ends it first. It is for a program that only starts a control plane.
	Guard bool

	// Node adds a node that runs pods; nil adds none.
	Node *Node
}

// Node holds what a cluster with a node needs.
type Node struct {
	Self     string // for node.Open
	Programs node.Programs
	// Images is called as soon as containerd accepts images, and Install as soon as
	// the API server accepts objects; Install may complete the state. Start waits
	// for both.
	Images  func(ctx context.Context, socket string) error
	Install func(context.Context, *State) error
}

// ErrRunning is returned by Start if the folder has a running control plane.
var ErrRunning = errors.New("a control plane is running already")

// Start starts a control plane and returns when it answers and serves the CRDs. If it fails,
// or if ctx ends before, it leaves nothing behind.
func Start(ctx context.Context, o Options) (_ State, err error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return State{}, err
	}
	o.Dir = dir
	if err := makeRoom(ctx, dir); err != nil {
		return State{}, err
	}
	table, err := claim(dir, o.Assets.Kubectl)
	if err != nil {
		return State{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, Stop(context.WithoutCancel(ctx), dir))
		}
	}()
	if o.Guard {
		if err := table.AddSelf(guardName); err != nil {
			return State{}, err
		}
		defer func() { _ = table.Remove(guardName) }() // Stop may have removed it
	}
	return start(ctx, o, table)
}

// guardName sorts before the records of the components.
const guardName = "00-starter"

// makeRoom removes the leftovers of a crash from dir, and refuses a folder that is in use or
// that belongs to another program.
func makeRoom(ctx context.Context, dir string) error {
	s, err := readState(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	processes, err := Processes(dir)
	if err != nil {
		return err
	}
	for _, p := range processes {
		if p.Running() {
			return fmt.Errorf("%w in %s (kubeconfig %s): use it, or end it with `cluster down --dir %s`", ErrRunning, dir, s.Kubeconfig, dir)
		}
	}
	return Stop(ctx, dir)
}

// claim marks dir as ours: from now on Stop recognises it and deletes it.
func claim(dir, kubectl string) (process.Table, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return process.Table{}, fmt.Errorf("make the folder of the control plane: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return process.Table{}, fmt.Errorf("make the folder of the control plane: %w", err)
	}
	if len(entries) > 0 {
		return process.Table{}, fmt.Errorf("%s holds something else (%s …): name an empty or new folder for the control plane", dir, entries[0].Name())
	}
	s := State{Dir: dir, Kubeconfig: filepath.Join(dir, "kubeconfig"), Kubectl: kubectl}
	if err := s.create(); err != nil {
		return process.Table{}, err
	}
	return process.NewTable(dir)
}

func start(ctx context.Context, o Options, table process.Table) (State, error) {
	l := launch.Launcher{Dir: o.Dir, Table: table, Log: o.Log}
	if o.Node != nil {
		return startWithNode(ctx, o, l)
	}
	keys, err := writeKeys(filepath.Join(o.Dir, "pki"), netip.MustParsePrefix(serviceRange).Addr().Next())
	if err != nil {
		return State{}, err
	}
	s, err := startServers(ctx, o, l, keys, alone())
	if err != nil {
		return State{}, err
	}
	if err := openServer(ctx, o, keys, s); err != nil {
		return State{}, err
	}
	s.Ready = true
	return s, s.replace()
}

// startServers starts etcd and kube-apiserver.
func startServers(ctx context.Context, o Options, l launch.Launcher, k keys, at place) (State, error) {
	etcdURL, err := l.Launch(ctx, etcd(o))
	if err != nil {
		return State{}, err
	}
	server, err := l.Launch(ctx, apiserver(o, k, at, etcdURL))
	return State{
		Dir:        o.Dir,
		Kubeconfig: filepath.Join(o.Dir, "kubeconfig"),
		Kubectl:    o.Assets.Kubectl,
		Server:     server,
	}, err
}

// openServer installs the CRDs, and writes the kubeconfig once they are served.
func openServer(ctx context.Context, o Options, k keys, s State) error {
	client, err := newClient(s.Server, k)
	if err != nil {
		return err
	}
	defer client.close()
	if err := client.waitForNamespace(ctx, "default"); err != nil {
		return err
	}
	if err := client.installCRDs(ctx, o.Assets.EmissaryCRDs); err != nil {
		return err
	}
	return writeKubeconfig(s.Kubeconfig, s.Server, k.caCert, k.admin)
}
