package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/canarize/canarize/test/cluster/launch"
	"github.com/canarize/canarize/test/cluster/process"
)

const (
	namespaces = syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET |
		syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS
	insideName = "05-node"
)

// Open creates the namespaces and connects them to this machine; containerd starts
// meanwhile. self is the path of a program that calls Run if its first argument is "inside",
// with the flag --dir. ca is the future path of the certificate authority of the kubelet's
// clients.
func Open(ctx context.Context, l launch.Launcher, self string, p Programs, ca string) (Network, error) {
	if err := errors.Join(Check(), checkVisible(l.Dir, p.Kubelet, p.KubeProxy)); err != nil {
		return Network{}, err
	}
	name := nameOf(l.Dir)
	if err := makeControlGroup(name); err != nil {
		return Network{}, err
	}
	f := files(l.Dir)
	for _, folder := range []string{f.plugins(), f.proc(), f.path("volume-plugins")} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return Network{}, fmt.Errorf("make the folder of the node: %w", err)
		}
	}
	pid := 0
	if _, err := l.Launch(ctx, launch.Program{
		Name: insideName, Path: self, Namespaces: namespaces,
		Args: func([]int) []string { return []string{"inside", "--dir", l.Dir} },
		Ready: func(context.Context, string) (err error) {
			pid, err = pidOf(l.Table, insideName)
			return err
		},
	}); err != nil {
		return Network{}, err
	}
	n, err := connect(name, pid)
	if err != nil {
		return Network{}, fmt.Errorf("connect the node to this machine: %w", err)
	}
	all, err := contents(l.Dir, n, p, ca)
	if err != nil {
		return Network{}, err
	}
	for path, content := range all {
		if path != f.plan() {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				return Network{}, fmt.Errorf("write the configuration of the node: %w", err)
			}
		}
	}
	// The inside waits for this file, so it comes last and is never incomplete.
	return n, replace(f.plan(), all[f.plan()])
}

func replace(path string, content []byte) error {
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return fmt.Errorf("write the configuration of the node: %w", err)
	}
	return os.Rename(path+".new", path)
}

func pidOf(t process.Table, name string) (int, error) {
	all, err := t.List()
	if err != nil {
		return 0, err
	}
	for _, p := range all {
		if p.Name == name {
			return p.PID, nil
		}
	}
	return 0, fmt.Errorf("there is no process %s: this cluster has no node, or it has not started yet", name)
}

// Ended returns launch.ErrEnded with the end of the output if a program of the node has
// ended.
func Ended(l launch.Launcher) error {
	all, err := l.Table.List()
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.Name >= insideName && !p.Running() {
			return l.WithOutput(p.Name, launch.ErrEnded)
		}
	}
	return nil
}

// Opened calls do with the path of containerd's socket on this machine as soon as containerd
// answers.
func Opened(ctx context.Context, l launch.Launcher, do func(ctx context.Context, socket string) error) error {
	path, err := Socket(l.Table)
	if err != nil {
		return err
	}
	if err := launch.Await(ctx, "containerd", func(ctx context.Context) error {
		return errors.Join(Ended(l), answers(ctx, path))
	}); err != nil {
		return err
	}
	return do(ctx, path)
}

// Socket returns the path of containerd's socket on this machine.
func Socket(t process.Table) (string, error) {
	pid, err := pidOf(t, insideName)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("/proc/%d/root%s", pid, socket), nil
}

func answers(ctx context.Context, socket string) error {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return err
	}
	return c.Close()
}

// Remove deletes the link and the control groups of a node whose processes have ended. It is
// no error if there are none.
func Remove(ctx context.Context, dir string) error {
	name := nameOf(dir)
	return errors.Join(disconnect(name), launch.Await(ctx, "removal of control group "+name, func(context.Context) error {
		return removeControlGroup(name)
	}))
}

// hierarchies returns the folders for control groups: one folder with version 2, and one for
// each controller with version 1.
func hierarchies() ([]string, error) {
	const root = "/sys/fs/cgroup"
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err == nil {
		return []string{root}, nil
	}
	all, err := filepath.Glob(root + "/*/cgroup.procs")
	for i := range all {
		all[i] = filepath.Dir(all[i])
	}
	return all, err
}

func makeControlGroup(name string) error {
	all, err := hierarchies()
	if err != nil || len(all) == 0 {
		return fmt.Errorf("a node needs control groups at /sys/fs/cgroup: %w", errors.Join(err, fs.ErrNotExist))
	}
	for _, h := range all {
		if err := os.Mkdir(filepath.Join(h, name), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("make a control group for the node: %w", err)
		}
	}
	return nil
}

// removeControlGroup fails while a process of the group is still ending.
func removeControlGroup(name string) error {
	roots, err := filepath.Glob("/sys/fs/cgroup/*/" + name)
	if err != nil {
		return err
	}
	for _, root := range append(roots, filepath.Join("/sys/fs/cgroup", name)) {
		var groups []string
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				groups = append(groups, path)
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for i := len(groups) - 1; i >= 0; i-- { // inner groups come after outer ones
			if err := os.Remove(groups[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
