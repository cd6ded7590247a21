package node

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/canarize/canarize/test/cluster/launch"
	"github.com/canarize/canarize/test/cluster/process"
)

// Run is the first program inside. It closes the namespaces to this machine, starts the
// programs of a node, each as soon as its inputs exist, and then waits. It returns only if a
// program could not be started. A program that ends later is not restarted; status shows it.
func Run(ctx context.Context, dir string, log io.Writer) error {
	f := files(dir)
	if err := mounts(f); err != nil {
		return fmt.Errorf("close the node's view of this machine: %w", err)
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return fmt.Errorf("let the node forward packets: %w", err)
	}
	p, err := readPlan(ctx, f)
	if err != nil {
		return err
	}
	l := launch.Launcher{Dir: dir, Table: process.OpenTable(dir).Through(f.proc()), Log: log}
	if _, err := l.Launch(ctx, containerd(f)); err != nil {
		return err
	}
	for _, path := range []string{f.KubeletKubeconfig(), f.KubeProxyKubeconfig()} {
		if err := awaitFile(ctx, path); err != nil {
			return err
		}
	}
	if _, err := l.Launch(ctx, kubelet(f, p)); err != nil {
		return err
	}
	if _, err := l.Launch(ctx, kubeProxy(f, p)); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// mounts hides the folders outside the folder of the cluster to which programs of a node
// would write, and the kernel settings of the whole machine.
func mounts(f files) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts private: %w", err)
	}
	if err := bind("/proc", f.proc()); err != nil {
		return err
	}
	if err := syscall.Mount("proc", "/proc", "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	for _, folder := range hidden {
		if err := syscall.Mount("tmpfs", folder, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "mode=755"); err != nil {
			return fmt.Errorf("mount %s: %w", folder, err)
		}
	}
	// The kubelet sets these if they differ. These files have the values that it wants.
	for setting, value := range map[string]string{
		"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
		"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
	} {
		wanted := filepath.Join("/run/settings", setting)
		if err := os.MkdirAll(filepath.Dir(wanted), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(wanted, []byte(value+"\n"), 0o644); err != nil {
			return err
		}
		if err := bind(wanted, filepath.Join("/proc/sys", setting)); err != nil {
			return err
		}
	}
	return nil
}

func bind(from, to string) error {
	if err := syscall.Mount(from, to, "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("show %s as %s: %w", from, to, err)
	}
	return nil
}

func readPlan(ctx context.Context, f files) (plan, error) {
	if err := awaitFile(ctx, f.plan()); err != nil {
		return plan{}, err
	}
	b, err := os.ReadFile(f.plan())
	if err != nil {
		return plan{}, err
	}
	var p plan
	return p, json.Unmarshal(b, &p)
}

func awaitFile(ctx context.Context, path string) error {
	return launch.Await(ctx, path, func(context.Context) error {
		_, err := os.Stat(path)
		return err
	})
}

func containerd(f files) launch.Program {
	return launch.Program{
		Name: "06-containerd", Path: "containerd",
		Args:  func([]int) []string { return []string{"--config", f.containerd(), "--log-level", "warn"} },
		Ready: func(ctx context.Context, _ string) error { return answers(ctx, socket) },
	}
}

func kubelet(f files, p plan) launch.Program {
	return launch.Program{
		Name: Kubelet, Path: p.Programs.Kubelet,
		Args: func([]int) []string {
			return []string{
				"--config=" + f.kubelet(), "--kubeconfig=" + f.KubeletKubeconfig(), "--hostname-override=" + Name,
				"--node-ip=" + p.Network.Node.String(), "--root-dir=" + f.path("kubelet"), "--cert-dir=" + f.path("kubelet-pki"),
			}
		},
		Ready: started,
	}
}

func kubeProxy(f files, p plan) launch.Program {
	return launch.Program{
		Name: "08-kube-proxy", Path: p.Programs.KubeProxy,
		Args:  func([]int) []string { return []string{"--config=" + f.kubeProxy()} },
		Ready: started,
	}
}

// started is the check for programs whose readiness the API server shows; callers wait for
// it there.
func started(context.Context, string) error { return nil }
