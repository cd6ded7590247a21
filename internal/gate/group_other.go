//go:build !unix

package gate

import (
	"os"
	"os/exec"
)

// inGroup does nothing: process groups are known on Unix only.
func inGroup(*exec.Cmd) {}

// single is a program alone; what it has started lives on.
type single struct{ *os.Process }

func groupOf(cmd *exec.Cmd) processes { return single{cmd.Process} }

func (s single) ask()       { _ = s.Kill() }
func (s single) kill()      { _ = s.Kill() }
func (s single) gone() bool { return true } // it is when Kill returns
