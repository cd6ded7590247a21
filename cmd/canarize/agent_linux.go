package main

import (
	"errors"

	"golang.org/x/sys/unix"
)

// followAgent calls stop when whoever started this process is gone, or nobody
// reads its output any more. The agent of a CI system that cancels a step signals
// the program that it started only, which may be a shell that passes nothing on.
func followAgent(stop func()) {
	// Where the kernel does not do this, there is one way less to find out.
	_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGTERM), 0, 0, 0)
	go func() {
		outputs := []unix.PollFd{{Fd: 1}, {Fd: 2}} // errors are reported unasked
		_, err := unix.Poll(outputs, -1)
		for errors.Is(err, unix.EINTR) {
			_, err = unix.Poll(outputs, -1)
		}
		if (outputs[0].Revents|outputs[1].Revents)&(unix.POLLERR|unix.POLLHUP) != 0 {
			stop()
		}
	}()
}
