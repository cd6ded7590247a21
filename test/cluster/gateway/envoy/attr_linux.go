package envoy

import "syscall"

// sysProcAttr makes the kernel end Envoy when the gateway is killed.
func sysProcAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
