package envoy

import "syscall"

// sysProcAttr lets the kernel end Envoy when the gateway is killed.
func sysProcAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
