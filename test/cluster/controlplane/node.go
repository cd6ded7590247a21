package controlplane

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/canarize/canarize/test/cluster/launch"
	"github.com/canarize/canarize/test/cluster/node"
)

// startWithNode starts a control plane that a node can reach, the controllers and
// the node. The node comes first, because it has the addresses the others need;
// it starts containerd, and Opened loads images, while the API server starts.
func startWithNode(ctx context.Context, o Options, l launch.Launcher) (State, error) {
	pki := filepath.Join(o.Dir, "pki")
	network, err := node.Open(ctx, l, o.Node.Self, o.Node.Programs, filepath.Join(pki, "ca.crt"))
	if err != nil {
		return State{}, err
	}
	keys, err := writeKeys(pki, network.Host, network.API())
	if err != nil {
		return State{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // when one has failed the others need not go on
	opened := inBackground(func() error { return node.Opened(ctx, l, o.Node.Opened) })
	s, err := startServers(ctx, o, l, keys, besideNode(network, keys))
	if err != nil {
		cancel()
		return State{}, errors.Join(err, ignoreCancelled(<-opened))
	}
	s.Network = &network
	if err := errors.Join(joinNode(ctx, o, l, keys, s), <-opened); err != nil {
		return State{}, err
	}
	if err := o.Node.Joined(ctx, &s); err != nil {
		return State{}, err
	}
	s.Ready = true
	return s, s.replace()
}

func ignoreCancelled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func inBackground(do func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	return done
}

// joinNode starts the controllers, lets the node know the server, and returns when
// both are ready.
func joinNode(ctx context.Context, o Options, l launch.Launcher, k keys, s State) error {
	kubeconfig := func(who pair) string { return who.cert + ".kubeconfig" }
	kubelet, kubeProxy := node.Files(o.Dir)
	for who, path := range map[pair]string{
		k.manager: kubeconfig(k.manager), k.scheduler: kubeconfig(k.scheduler), k.kubelet: kubelet, k.kubeProxy: kubeProxy,
	} {
		if err := writeKubeconfig(path, s.Server, k.caCert, who); err != nil {
			return err
		}
	}
	var waiting []<-chan error
	for _, program := range controllers(o, k, kubeconfig, s.Network.Pods) {
		waiting = append(waiting, inBackground(func() error {
			_, err := l.Launch(ctx, program)
			return err
		}))
	}
	err := awaitNode(ctx, k, s.Server)
	if err != nil {
		err = fmt.Errorf("%w; see %s", err, filepath.Join(o.Dir, "{node,containerd,kubelet}.log"))
	}
	for _, w := range waiting {
		err = errors.Join(err, <-w)
	}
	return err
}

func awaitNode(ctx context.Context, k keys, server string) error {
	client, err := newClient(server, k)
	if err != nil {
		return err
	}
	defer client.close()
	return launch.Await(ctx, "the node", func(ctx context.Context) error {
		var n struct {
			Status struct {
				Conditions []struct{ Type, Status, Message string }
			}
		}
		if err := client.get(ctx, "/api/v1/nodes/"+node.Name, "application/json", &n); err != nil {
			return err
		}
		for _, c := range n.Status.Conditions {
			if c.Type == "Ready" && c.Status == "True" {
				return nil
			}
		}
		return fmt.Errorf("its conditions are %+v", n.Status.Conditions)
	})
}
