package node

import (
	"encoding/json"
	"fmt"
	"path/filepath"
)

// object is a JSON object; every YAML reader accepts JSON.
type object = map[string]any

// containerdConfig returns the configuration for containerd 1.6 and later, which reads
// version 2 too. Optional plugins are off, because they would look for programs and write
// folders.
func containerdConfig(dir string) []byte {
	const text = `version = 2
root = %q
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = %q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  # A machine that is a container itself may not lower its score.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = %q
    conf_dir = %q
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = "runc"
      SystemdCgroup = false
`
	return fmt.Appendf(nil, text, files(dir).path("containerd"), socket, PauseImage, plugins, files(dir).plugins())
}

// pluginConfig connects every pod by its own link. There is no bridge, so that packets from
// pod to pod pass the rules of kube-proxy too.
func pluginConfig(n Network) object {
	return object{
		"cniVersion": "1.0.0",
		"name":       "pods",
		"plugins": []object{
			{"type": "ptp", "ipam": object{
				"type":    "host-local",
				"dataDir": "/run/cni",
				"ranges":  [][]object{{{"subnet": n.Pods.String()}}},
				"routes":  []object{{"dst": "0.0.0.0/0"}},
			}},
			{"type": "portmap", "capabilities": object{"portMappings": true}},
		},
	}
}

func kubeletConfig(dir string, n Network, ca string) object {
	f := files(dir)
	return object{
		"apiVersion":               "kubelet.config.k8s.io/v1beta1",
		"kind":                     "KubeletConfiguration",
		"address":                  n.Node.String(),
		"authentication":           object{"anonymous": object{"enabled": false}, "webhook": object{"enabled": true}, "x509": object{"clientCAFile": ca}},
		"authorization":            object{"mode": "Webhook"},
		"clusterDomain":            "cluster.local",
		"clusterDNS":               []string{n.DNS().String()},
		"resolvConf":               f.path("resolv.conf"),
		"containerRuntimeEndpoint": "unix://" + socket,
		"volumePluginDir":          f.path("volume-plugins"),
		"healthzPort":              0,
		// The machine is shared. It may be a container or have version 1 of cgroups.
		"cgroupDriver":                     "cgroupfs",
		"cgroupRoot":                       "/" + nameOf(dir),
		"failCgroupV1":                     false,
		"enforceNodeAllocatable":           []string{},
		"failSwapOn":                       false,
		"localStorageCapacityIsolation":    false,
		"imageGCHighThresholdPercent":      100,
		"imageGCLowThresholdPercent":       99,
		"evictionHard":                     object{"memory.available": "1Mi", "nodefs.available": "0%", "imagefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.inodesFree": "0%"},
		"evictionPressureTransitionPeriod": "1s",
	}
}

func kubeProxyConfig(dir string, n Network) object {
	return object{
		"apiVersion":         "kubeproxy.config.k8s.io/v1alpha1",
		"kind":               "KubeProxyConfiguration",
		"clientConnection":   object{"kubeconfig": files(dir).KubeProxyKubeconfig()},
		"mode":               "iptables",
		"clusterCIDR":        n.Pods.String(),
		"hostnameOverride":   Name,
		"bindAddress":        n.Node.String(),
		"healthzBindAddress": "",
		"metricsBindAddress": "127.0.0.1:10249",
		// These limits would change the whole machine.
		"conntrack": object{"maxPerCore": 0, "min": 0},
	}
}

// contents returns the contents of a node's files by path.
func contents(dir string, n Network, p Programs, ca string) (map[string][]byte, error) {
	f := files(dir)
	out := map[string][]byte{f.containerd(): containerdConfig(dir), f.path("resolv.conf"): nil}
	for path, value := range map[string]any{
		filepath.Join(f.plugins(), "10-pods.conflist"): pluginConfig(n),
		f.kubelet():   kubeletConfig(dir, n, ca),
		f.kubeProxy(): kubeProxyConfig(dir, n),
		f.plan():      plan{p, n},
	} {
		b, err := json.MarshalIndent(value, "", "  ")
		if err != nil {
			return nil, err
		}
		out[path] = b
	}
	return out, nil
}
