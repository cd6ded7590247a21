//go:build unix

package demo

import (
	"os/exec"
	"syscall"
)

// apart starts a program in a process group of its own, so that Ctrl-C on a terminal reaches
// only the demo.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
