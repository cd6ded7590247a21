package main

import (
	"errors"
	"os"
	"os/signal"
	"runtime"

	"golang.org/x/sys/unix"
)

// followAgent calls stop when the parent process is gone, or when nobody reads the output
// any more. If a CI system cancels a step, its agent signals only the program it started.
// That may be a shell that does not pass signals on.
func followAgent(stop func()) {
	go awaitOrphaned(os.Getppid(), stop)
	go awaitUnread(stop)
}

// awaitOrphaned asks the kernel for a signal when the parent dies. The signal also comes
// when only the thread of the parent that started this process ends, so the id of the
// parent process decides.
func awaitOrphaned(parent int, stop func()) {
	runtime.LockOSThread() // the kernel stores the setting with this thread
	died := make(chan os.Signal, 1)
	signal.Notify(died, unix.SIGUSR1)
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGUSR1), 0, 0, 0); err != nil {
		return // awaitUnread may still notice
	}
	for os.Getppid() == parent {
		<-died
	}
	stop()
}

// awaitUnread waits until stdout or stderr has lost its reader. poll reports that without
// being asked for an event.
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
