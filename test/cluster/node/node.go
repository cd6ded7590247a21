// Package node gives a control plane a node that runs pods: containerd, kubelet
// and kube-proxy in their own Linux namespaces. Their processes, mounts, links and
// firewall rules exist only there, so all of them disappear when the first process
// of the namespaces ends, for whatever reason. The machine itself has only a folder,
// one network link and a control group; Remove deletes the latter two.
//
// It needs root and Linux, and the programs that Check looks for.
package node

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	// Name is the name of the node in the cluster.
	Name = "node1"
	// PauseImage is the first image of every pod; it has to be loaded first.
	PauseImage = "canarize.dev/pause:1"

	// Kubelet is the name of the kubelet's process record.
	Kubelet = "07-kubelet"

	plugins = "/usr/lib/cni" // Debian's folder
	// socket is the path of containerd's socket inside.
	socket = "/run/containerd/containerd.sock"
)

// Programs holds the paths of the node's programs that Check does not look for.
type Programs struct {
	Kubelet   string
	KubeProxy string
}

// plan is the input of the inside.
type plan struct {
	Programs Programs
	Network  Network
}

// hidden are folders that are empty inside, because programs write there by default and
// none of it may stay.
var hidden = [...]string{"/run", "/var/lib", "/var/log"}

// Check returns an error of one line that names what a node lacks on this machine.
func Check() error {
	const install = "on Debian: apt-get install containerd runc containernetworking-plugins iptables"
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return fmt.Errorf("a node needs Linux and root; without --node there is a control plane only")
	}
	for _, name := range []string{"containerd", "ctr", "runc", "iptables"} {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("a node needs the program %s; %s", name, install)
		}
	}
	for _, name := range []string{"ptp", "host-local", "portmap", "loopback"} {
		if _, err := os.Stat(filepath.Join(plugins, name)); err != nil {
			return fmt.Errorf("a node needs the network plugin %s in %s; %s", name, plugins, install)
		}
	}
	return nil
}

// checkVisible refuses paths that would not exist inside.
func checkVisible(paths ...string) error {
	for _, path := range paths {
		for _, folder := range hidden {
			if path == folder || strings.HasPrefix(path, folder+"/") {
				return fmt.Errorf("%s is in %s, which a node does not see: choose another place", path, folder)
			}
		}
	}
	return nil
}

// nameOf returns the name of the link and the control group of a cluster's node. It is short,
// and depends only on the folder, so that leftovers can be found.
func nameOf(dir string) string {
	return fmt.Sprintf("canarize%.3x", sha256.Sum256([]byte(dir)))
}

// Network holds the addresses of a node, its pods and Services. They can be reached from this
// machine only.
type Network struct {
	Host     netip.Addr   `json:"host"` // of this machine, on the link to the node
	Node     netip.Addr   `json:"node"`
	Pods     netip.Prefix `json:"pods"`
	Services netip.Prefix `json:"services"`
}

// networks is the maximum number of nodes on a machine at the same time.
const networks = 16

// network returns the i-th network. 198.18.0.0/15 is reserved for network tests and never
// routed (RFC 2544), so nobody uses it; the others are the usual ones of Kubernetes.
func network(i byte) Network {
	return Network{
		Host:     netip.AddrFrom4([4]byte{198, 18, i, 1}),
		Node:     netip.AddrFrom4([4]byte{198, 18, i, 2}),
		Pods:     netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 244, i, 0}), 24),
		Services: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 96, i, 0}), 24),
	}
}

// API returns the address of the Service kubernetes.
func (n Network) API() netip.Addr { return n.Services.Addr().Next() }

// DNS returns the address of the pods' name server.
func (n Network) DNS() netip.Addr {
	a := n.Services.Addr().As4()
	a[3] = 10
	return netip.AddrFrom4(a)
}

// files gives the paths of a node's files in the folder of its cluster. The host writes them,
// and the inside reads them.
type files string

func (f files) path(name string) string     { return filepath.Join(string(f), "node", name) }
func (f files) containerd() string          { return f.path("containerd.toml") }
func (f files) plugins() string             { return f.path("cni") }
func (f files) kubelet() string             { return f.path("kubelet.yaml") }
func (f files) kubeProxy() string           { return f.path("kube-proxy.yaml") }
func (f files) plan() string                { return f.path("plan.json") }
func (f files) KubeletKubeconfig() string   { return f.path("kubelet.kubeconfig") }
func (f files) KubeProxyKubeconfig() string { return f.path("kube-proxy.kubeconfig") }
func (f files) proc() string                { return f.path("proc") } // this machine's /proc

// Files returns the paths of the two files that Join waits for.
func Files(dir string) (kubelet, kubeProxy string) {
	return files(dir).KubeletKubeconfig(), files(dir).KubeProxyKubeconfig()
}
