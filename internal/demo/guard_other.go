//go:build !unix

package demo

import "os/exec"

// apart does nothing: there is no Envoy for systems without process groups.
func apart(*exec.Cmd) {}
