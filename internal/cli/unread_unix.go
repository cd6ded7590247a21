//go:build unix

package cli

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// unreadInterval is how often the context is checked, in milliseconds.
const unreadInterval = 200

// awaitUnread calls stop when nobody reads an output any more, such as a pipe into head. A
// command that writes only on changes would notice at its next write, which may be never.
// poll reports the end of the reader without being asked for an event.
func awaitUnread(ctx context.Context, w io.Writer, stop func()) {
	file, isFile := w.(*os.File)
	if !isFile {
		return
	}
	output := []unix.PollFd{{Fd: int32(file.Fd())}} //nolint:gosec // the kernel numbers files by an int32
	for ctx.Err() == nil {
		_, err := unix.Poll(output, unreadInterval)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return
		case output[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0:
			stop()
			return
		}
	}
}
