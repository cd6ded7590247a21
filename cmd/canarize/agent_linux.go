package main

import (
	"errors"
	"os"
	"os/signal"
	"runtime"

	"golang.org/x/sys/unix"
)

// followAgent calls stop when the process that started this one is gone, or nobody
// reads its output any more. The agent of a CI system that cancels a step signals
// the program that it started only, which may be a shell that passes nothing on.
func followAgent(stop func()) {
	go awaitOrphaned(os.Getppid(), stop)
	go awaitUnread(stop)
}

// awaitOrphaned asks the kernel for a signal at the death of the parent. It also
// comes when only the parent's thread has ended that started this process, so it
// is the process that counts.
func awaitOrphaned(parent int, stop func()) {
	runtime.LockOSThread() // the kernel remembers the wish with the thread that has it
	died := make(chan os.Signal, 1)
	signal.Notify(died, unix.SIGUSR1)
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGUSR1), 0, 0, 0); err != nil {
		return // one way less to find out
	}
	for os.Getppid() == parent {
		<-died
	}
	stop()
}

// awaitUnread waits until stdout or stderr has lost its reader, which poll tells
// unasked.
func awaitUnread(stop func()) {
	outputs := []unix.PollFd{{Fd: 1}, {Fd: 2}}
	_, err := unix.Poll(outputs, -1)
	for errors.Is(err, unix.EINTR) {
		_, err = unix.Poll(outputs, -1)
	}
	if (outputs[0].Revents|outputs[1].Revents)&(unix.POLLERR|unix.POLLHUP) != 0 {
		stop()
	}
}
