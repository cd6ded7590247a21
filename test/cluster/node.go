package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/canarize/canarize/test/cluster/assets"
	"github.com/canarize/canarize/test/cluster/controlplane"
	"github.com/canarize/canarize/test/cluster/deploy"
	"github.com/canarize/canarize/test/cluster/image"
	"github.com/canarize/canarize/test/cluster/node"
	"github.com/canarize/canarize/test/cluster/process"
)

// nodeOptions returns the options of a node. It gets its images before the API server runs.
func (c command) nodeOptions(a assets.Assets) (*controlplane.Node, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	source, err := c.images(a)
	if err != nil {
		return nil, err
	}
	return &controlplane.Node{
		Self:     self,
		Programs: node.Programs{Kubelet: a.Kubelet, KubeProxy: a.KubeProxy},
		Images:   source.Load,
		Install:  c.install,
	}, nil
}

// images returns the source of the programs in images.
func (c command) images(a assets.Assets) (deploy.Source, error) {
	store, err := c.store()
	if err != nil {
		return deploy.Source{}, err
	}
	place, err := c.packaged()
	return deploy.Source{Store: store, Packaged: place, Prometheus: a.Prometheus}, err
}

// install installs DNS, the gateway and Prometheus on a cluster with a node, and with
// --sample the application.
func (c command) install(ctx context.Context, s *controlplane.State) error {
	store, err := c.store()
	if err != nil {
		return err
	}
	root := filepath.Join(store.Source, "..", "..")
	monitors, err := os.ReadFile(filepath.Join(root, "misc", "service-monitor.yml"))
	if err != nil {
		return err
	}
	s.Gateway, s.Diagnostics, s.Prometheus = deploy.GatewayURL(*s.Network), deploy.DiagnosticsURL(*s.Network), deploy.PrometheusURL(*s.Network)
	if err := deploy.Install(ctx, *s, monitors); err != nil {
		return err
	}
	if c.sample {
		if err := deploy.Apply(ctx, *s, filepath.Join(root, "manifests")); err != nil {
			return err
		}
	}
	if err := deploy.AwaitDeployments(ctx, *s); err != nil || !c.sample {
		return err
	}
	return deploy.AwaitRoute(ctx, s.Gateway)
}

// addresses returns a text with the addresses of a node's Services, or "" without a node.
func (c command) addresses(s controlplane.State) string {
	if s.Network == nil {
		return ""
	}
	return fmt.Sprintf("cluster: gateway %s, its diagnostics %s/ambassador/v0/diag/?json=true, Prometheus %s\n"+
		"cluster: %s --kubeconfig %s get pods -A\n",
		s.Gateway, s.Diagnostics, s.Prometheus, s.Kubectl, s.Kubeconfig)
}

// loadImage builds an image of a static program and loads it into the node.
func (c command) loadImage(ctx context.Context) error {
	if len(c.args) < 2 {
		return fmt.Errorf("name the image and the program, and KEY=VALUE of its environment; %w", errUsage)
	}
	socket, err := node.Socket(process.OpenTable(c.dir))
	if err != nil {
		return err
	}
	program, err := filepath.Abs(c.args[1])
	if err != nil {
		return err
	}
	i := image.Of(c.args[0], program)
	i.Env = c.args[2:]
	return image.Load(ctx, socket, i)
}

// inside runs as the first process of a node's namespaces.
func (c command) inside(ctx context.Context) error {
	return node.Run(ctx, c.dir, c.err)
}
