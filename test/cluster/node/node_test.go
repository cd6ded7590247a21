package node

import (
	"net/netip"
	"strings"
	"testing"
)

func TestNodesDoNotShareNetworks(t *testing.T) {
	var seen []netip.Prefix
	for i := range byte(networks) {
		n := network(i)
		link := netip.PrefixFrom(n.Host, 30).Masked()
		if !link.Contains(n.Node) || !n.Services.Contains(n.API()) || !n.Services.Contains(n.DNS()) || n.API() == n.DNS() {
			t.Errorf("network %d: %+v, API %s, DNS %s", i, n, n.API(), n.DNS())
		}
		for _, p := range []netip.Prefix{link, n.Pods, n.Services} {
			for _, other := range seen {
				if p.Overlaps(other) {
					t.Errorf("network %d: %s overlaps %s", i, p, other)
				}
			}
			seen = append(seen, p)
		}
	}
}

func TestNamesOfLinksFit(t *testing.T) {
	const limit = 15 // of the kernel: IFNAMSIZ minus the terminating zero
	a, b := nameOf("/tmp/a"), nameOf("/tmp/b")
	if len(a) > limit || a == b || a != nameOf("/tmp/a") {
		t.Errorf("links of two folders are called %s and %s", a, b)
	}
}

func TestPathsTheNodeDoesNotSeeAreRefused(t *testing.T) {
	for path, visible := range map[string]bool{
		"/tmp/cluster": true, "/runs/cluster": true, "/run": false, "/run/user/0/cluster": false, "/var/lib/x": false,
	} {
		err := checkVisible("/tmp/kubelet", path)
		if (err == nil) != visible || err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, expected to be visible: %v", path, err, visible)
		}
	}
}

func TestTheFilesOfANodeAreInItsFolder(t *testing.T) {
	n := network(3)
	all, err := contents("/tmp/cluster", n, Programs{Kubelet: "/bin/kubelet", KubeProxy: "/bin/kube-proxy"}, "/tmp/cluster/ca.crt")
	if err != nil {
		t.Fatal(err)
	}
	for path := range all {
		if !strings.HasPrefix(path, "/tmp/cluster/node/") {
			t.Errorf("%s is outside the folder of the cluster", path)
		}
	}
	f := files("/tmp/cluster")
	for path, part := range map[string]string{
		f.kubelet():    `"10.96.3.10"`,
		f.kubeProxy():  n.Pods.String(),
		f.containerd(): PauseImage,
		f.plan():       "/bin/kube-proxy",
	} {
		if !strings.Contains(string(all[path]), part) {
			t.Errorf("%s does not contain %s:\n%s", path, part, all[path])
		}
	}
}
