//go:build !unix

package gate

import (
	"os"
	"os/exec"
)

// inGroup does nothing: only Unix has process groups.
func inGroup(*exec.Cmd) {}

// single is the process of the program; processes that it started live on.
type single struct{ *os.Process }

func groupOf(cmd *exec.Cmd) processes { return single{cmd.Process} }

func (s single) terminate() { _ = s.Kill() }
func (s single) kill()      { _ = s.Kill() }
func (s single) gone() bool { return true } // Kill has ended it
