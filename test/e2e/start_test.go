//go:build e2e

package e2e

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/canarize/canarize/test/e2e/site"
)

// moments are instants during `cluster up --node`, named by the newest record of a process
// or log, with the signal that is sent then.
var moments = []struct {
	file   string // in the folder of the cluster
	signal syscall.Signal
	to     string // the record of the process that gets the signal; "" for the starter
}{
	{"processes/05-node", syscall.SIGKILL, ""},
	{"processes/06-containerd", syscall.SIGKILL, ""},
	{"kube-apiserver.log", syscall.SIGINT, ""},
	{"processes/07-kubelet", syscall.SIGKILL, ""},
	{"kubeconfig", syscall.SIGKILL, "node"},
}

// TestStartInterrupted checks that `down` leaves nothing, whatever ended during a start, and
// that a failed or interrupted start has cleaned up after itself.
func TestStartInterrupted(t *testing.T) {
	before := traces(t)
	program := filepath.Join(t.TempDir(), "cluster")
	folder := filepath.Join("..", "cluster")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = folder
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, m := range moments {
		t.Run(m.signal.String()+" at "+filepath.Base(m.file), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "cluster")
			up := exec.Command(program, "up", "--node", "--dir", dir)
			up.Dir, up.Stderr = folder, t.Output()
			if err := up.Start(); err != nil {
				t.Fatal(err)
			}
			await(t, m.file, func() bool {
				_, err := os.Stat(filepath.Join(dir, m.file))
				return err == nil
			})
			pid := up.Process.Pid
			if m.to != "" {
				var err error
				if pid, err = site.Recorded(dir, m.to); err != nil {
					t.Fatal(err)
				}
			}
			if err := syscall.Kill(pid, m.signal); err != nil {
				t.Fatal(err)
			}
			if err := up.Wait(); err == nil {
				t.Error("up says it has succeeded")
			}
			killed := m.signal == syscall.SIGKILL && m.to == ""
			if _, err := os.Stat(dir); !killed && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("up has failed and not cleaned up: %v", err)
			}
			if out, err := exec.CommandContext(t.Context(), program, "down", "--dir", dir).CombinedOutput(); err != nil {
				t.Errorf("down: %v: %s", err, out)
			}
			checkNothingLeft(t, dir, before)
		})
	}
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// checkNothingLeft compares the traces on this machine after the end of a cluster in a
// folder with those before its start.
func checkNothingLeft(t *testing.T, dir, before string) {
	t.Helper()
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder of the cluster is left: %v", err)
	}
	if after := traces(t); after != before {
		t.Errorf("this machine had\n%s\nand now has\n%s", before, after)
	}
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range processes {
		if line, _ := os.ReadFile(p); strings.Contains(string(line), dir) { // an error means that the process has ended
			t.Errorf("left running: %s", strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
}

// traces returns what clusters with nodes can leave on this machine besides files and
// processes. Only the inside of a node has firewall rules, so those of the machine must not
// change.
func traces(t *testing.T) string {
	t.Helper()
	var out []string
	for _, command := range []string{
		"ip -o link", "ip route", "ip netns", "iptables -S", "iptables -t nat -S", "cat /proc/self/mountinfo",
		"find /sys/fs/cgroup -maxdepth 2 -name canarize*",
	} {
		words := strings.Fields(command)
		text, err := exec.CommandContext(t.Context(), words[0], words[1:]...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", command, err, text)
		}
		out = append(out, command+"\n"+string(text))
	}
	return strings.Join(out, "")
}
