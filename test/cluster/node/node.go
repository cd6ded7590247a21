// Package node gives a control plane a node that runs pods: containerd, kubelet
// and kube-proxy in Linux namespaces of their own. Their processes, mounts,
// links and firewall rules exist only in there, so that all of it goes with the
// first process of the namespaces, however it ends. What this machine itself
// sees is a folder, one network link and a control group, and Remove deletes
// the latter two.
//
// It needs root and Linux, and the programs Check looks for.
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
	// Name is that of the node in the cluster.
	Name = "node1"
	// PauseImage is what containerd starts every pod with; it has to be loaded first.
	PauseImage = "canarize.dev/pause:1"

	// Kubelet is what its process is recorded as.
	Kubelet = "07-kubelet"

	plugins = "/usr/lib/cni" // where Debian puts them
	// socket is containerd's, as seen from inside.
	socket = "/run/containerd/containerd.sock"
)

// Programs are the paths of what a node runs that does not come with Check.
type Programs struct {
	Kubelet   string
	KubeProxy string
}

// plan is what the inside is told.
type plan struct {
	Programs Programs
	Network  Network
}

// hidden are folders that are empty inside: programs write there without being
// told, and nothing of that may stay.
var hidden = [...]string{"/run", "/var/lib", "/var/log"}

// Check says in one line what is missing for a node on this machine.
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

// checkVisible refuses paths that would not be there inside.
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

// nameOf names the link and the control group of the node of a cluster: short,
// and known from its folder alone, so that whatever is left can be found.
func nameOf(dir string) string {
	return fmt.Sprintf("canarize%.3x", sha256.Sum256([]byte(dir)))
}

// Network is where a node and its pods are. All of it can be reached from this
// machine, and from nowhere else.
type Network struct {
	Host     netip.Addr   `json:"host"` // of this machine, on the link to the node
	Node     netip.Addr   `json:"node"`
	Pods     netip.Prefix `json:"pods"`
	Services netip.Prefix `json:"services"`
}

// networks is how many nodes there can be at a time on a machine.
const networks = 16

// network gives the i-th. 198.18.0.0/15 is set aside for tests of networks and
// never routed (RFC 2544), so it is nobody's; the others are Kubernetes' usual.
func network(i byte) Network {
	return Network{
		Host:     netip.AddrFrom4([4]byte{198, 18, i, 1}),
		Node:     netip.AddrFrom4([4]byte{198, 18, i, 2}),
		Pods:     netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 244, i, 0}), 24),
		Services: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 96, i, 0}), 24),
	}
}

// API is the address of the Service kubernetes.
func (n Network) API() netip.Addr { return n.Services.Addr().Next() }

// DNS is the address the kubelet tells pods to ask for names.
func (n Network) DNS() netip.Addr {
	a := n.Services.Addr().As4()
	a[3] = 10
	return netip.AddrFrom4(a)
}

// files are those a node is made from, in the folder of its cluster. The host
// writes them, and the inside reads them.
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

// Files names the two files Join waits for.
func Files(dir string) (kubelet, kubeProxy string) {
	return files(dir).KubeletKubeconfig(), files(dir).KubeProxyKubeconfig()
}
