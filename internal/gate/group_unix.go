//go:build unix

package gate

import (
	"errors"
	"os/exec"
	"syscall"
)

// inGroup starts a program in a process group of its own, so that what it starts can
// be ended with it, and so that Ctrl-C on a terminal reaches canarize alone.
func inGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// group is a process group; processes that no signal can reach count as gone.
type group int

func groupOf(cmd *exec.Cmd) processes { return group(cmd.Process.Pid) }

func (g group) ask()  { _ = syscall.Kill(-int(g), syscall.SIGTERM) }
func (g group) kill() { _ = syscall.Kill(-int(g), syscall.SIGKILL) }
func (g group) gone() bool {
	err := syscall.Kill(-int(g), 0)
	return errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.EPERM)
}
