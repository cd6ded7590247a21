//go:build unix

package gate

import (
	"errors"
	"os/exec"
	"syscall"
)

// inGroup starts a program in its own process group. So its children can be ended with
// it, and Ctrl-C on a terminal reaches only canarize.
func inGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// group is a process group. Processes that no signal can reach count as gone.
type group int

func groupOf(cmd *exec.Cmd) processes { return group(cmd.Process.Pid) }

func (g group) terminate() { _ = syscall.Kill(-int(g), syscall.SIGTERM) }
func (g group) kill()      { _ = syscall.Kill(-int(g), syscall.SIGKILL) }
func (g group) gone() bool {
	err := syscall.Kill(-int(g), 0)
	return errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.EPERM)
}
