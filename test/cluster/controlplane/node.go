package controlplane

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/canarize/canarize/test/cluster/launch"
	"github.com/canarize/canarize/test/cluster/node"
)

// startWithNode starts the node, a control plane that the node can reach, and the
// controllers. The node comes first, because it has the addresses that the others need. It
// starts containerd and loads its images while the API server starts.
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
	var s State
	err = launch.All(ctx,
		func(ctx context.Context) error { return node.Opened(ctx, l, o.Node.Images) },
		func(ctx context.Context) (err error) {
			if s, err = startServers(ctx, o, l, keys, besideNode(network, keys)); err != nil {
				return err
			}
			s.Network = &network
			server := s.Server // Install may write to s
			return launch.All(ctx,
				func(ctx context.Context) error { return joinNode(ctx, o, l, keys, server, network) },
				func(ctx context.Context) error {
					if err := openServer(ctx, o, keys, s); err != nil {
						return err
					}
					return o.Node.Install(ctx, &s)
				})
		})
	if err != nil {
		return State{}, err
	}
	s.Ready = true
	return s, s.replace()
}

// joinNode starts the controllers, connects the node to the server, and returns when both
// are ready.
func joinNode(ctx context.Context, o Options, l launch.Launcher, k keys, server string, n node.Network) error {
	kubeconfig := func(who pair) string { return who.cert + ".kubeconfig" }
	kubelet, kubeProxy := node.Files(o.Dir)
	for who, path := range map[pair]string{
		k.manager: kubeconfig(k.manager), k.scheduler: kubeconfig(k.scheduler), k.kubelet: kubelet, k.kubeProxy: kubeProxy,
	} {
		if err := writeKubeconfig(path, server, k.caCert, who); err != nil {
			return err
		}
	}
	things := []func(context.Context) error{func(ctx context.Context) error {
		err := awaitNode(ctx, l, k, server)
		if err != nil && !errors.Is(err, launch.ErrEnded) {
			return l.WithOutput(node.Kubelet, err)
		}
		return err
	}}
	for _, program := range controllers(o, k, kubeconfig, n.Pods) {
		things = append(things, func(ctx context.Context) error {
			_, err := l.Launch(ctx, program)
			return err
		})
	}
	return launch.All(ctx, things...)
}

func awaitNode(ctx context.Context, l launch.Launcher, k keys, server string) error {
	client, err := newClient(server, k)
	if err != nil {
		return err
	}
	defer client.close()
	return launch.Await(ctx, "the node", func(ctx context.Context) error {
		if err := node.Ended(l); err != nil {
			return err
		}
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
