package controlplane

import (
	"context"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"

	"github.com/canarize/canarize/test/cluster/launch"
	"github.com/canarize/canarize/test/cluster/node"
)

// serviceRange is the range of Service addresses of a control plane without a node.
const serviceRange = "10.96.0.0/16"

func etcd(o Options) launch.Program {
	url := func(port int) string { return "http://" + net.JoinHostPort(launch.Loopback, strconv.Itoa(port)) }
	return launch.Program{
		Name:  "01-etcd",
		Path:  o.Assets.Etcd,
		Ports: 2,
		Args: func(p []int) []string {
			return []string{
				"--data-dir=" + filepath.Join(o.Dir, "etcd"),
				"--unsafe-no-fsync", // its data need not survive a crash
				"--listen-client-urls=" + url(p[0]),
				"--advertise-client-urls=" + url(p[0]),
				"--listen-peer-urls=" + url(p[1]),
				"--initial-advertise-peer-urls=" + url(p[1]),
				"--initial-cluster=default=" + url(p[1]),
				"--log-level=warn",
			}
		},
		URL:   func(p []int) string { return url(p[0]) },
		Ready: func(ctx context.Context, url string) error { return plainClient().healthy(ctx, url+"/health") },
	}
}

// place holds the address of the API server, and the settings that depend on a node.
type place struct {
	address  string
	services string
	flags    []string
}

// alone returns the place without a node: only this machine reaches the server, so it
// advertises no address.
func alone() place {
	return place{
		address: launch.Loopback, services: serviceRange,
		flags: []string{"--endpoint-reconciler-type=none"},
	}
}

func besideNode(n node.Network, k keys) place {
	return place{
		address: n.Host.String(), services: n.Services.String(),
		flags: []string{
			// For logs, exec and port-forward.
			"--kubelet-preferred-address-types=InternalIP",
			"--kubelet-client-certificate=" + k.toKubelet.cert,
			"--kubelet-client-key=" + k.toKubelet.key,
		},
	}
}

func apiserver(o Options, k keys, at place, etcd string) launch.Program {
	return launch.Program{
		Name:    "02-kube-apiserver",
		Path:    o.Assets.APIServer,
		Address: at.address,
		Ports:   1,
		Args: func(p []int) []string {
			return append([]string{
				"--etcd-servers=" + etcd,
				"--bind-address=" + at.address,
				"--advertise-address=" + at.address,
				"--secure-port=" + strconv.Itoa(p[0]),
				"--tls-cert-file=" + k.server.cert,
				"--tls-private-key-file=" + k.server.key,
				"--client-ca-file=" + k.caCert,
				"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
				"--service-account-key-file=" + k.accountPublic,
				"--service-account-signing-key-file=" + k.accountKey,
				"--service-cluster-ip-range=" + at.services,
				"--authorization-mode=Node,RBAC",
				"--allow-privileged=true",
			}, at.flags...)
		},
		URL:   func(p []int) string { return "https://" + net.JoinHostPort(at.address, strconv.Itoa(p[0])) },
		Ready: k.healthy("/readyz"),
	}
}

// healthy returns a check that asks a server with one of our certificates for its health.
func (k keys) healthy(path string) func(context.Context, string) error {
	return func(ctx context.Context, url string) error {
		c, err := newClient(url, k)
		if err != nil {
			return err
		}
		defer c.close()
		return c.healthy(ctx, url+path)
	}
}

// controllers returns the programs that create the pods of Deployments and schedule them.
func controllers(o Options, k keys, kubeconfig func(pair) string, pods netip.Prefix) []launch.Program {
	url := func(p []int) string { return "https://" + net.JoinHostPort(launch.Loopback, strconv.Itoa(p[0])) }
	return []launch.Program{
		{
			Name: "03-kube-controller-manager", Path: o.Assets.ControllerManager, Ports: 1, URL: url, Ready: k.healthy("/healthz"),
			Args: func(p []int) []string {
				return []string{
					"--kubeconfig=" + kubeconfig(k.manager),
					"--bind-address=" + launch.Loopback,
					"--secure-port=" + strconv.Itoa(p[0]),
					"--tls-cert-file=" + k.server.cert,
					"--tls-private-key-file=" + k.server.key,
					"--leader-elect=false",
					"--use-service-account-credentials",
					"--service-account-private-key-file=" + k.accountKey,
					"--root-ca-file=" + k.caCert,
					"--cluster-cidr=" + pods.String(),
					"--kube-api-qps=200", "--kube-api-burst=400", // fast, because tests wait for it
				}
			},
		},
		{
			Name: "04-kube-scheduler", Path: o.Assets.Scheduler, Ports: 1, URL: url, Ready: k.healthy("/healthz"),
			Args: func(p []int) []string {
				return []string{
					"--kubeconfig=" + kubeconfig(k.scheduler),
					"--bind-address=" + launch.Loopback,
					"--secure-port=" + strconv.Itoa(p[0]),
					"--tls-cert-file=" + k.server.cert,
					"--tls-private-key-file=" + k.server.key,
					"--leader-elect=false",
				}
			},
		},
	}
}
