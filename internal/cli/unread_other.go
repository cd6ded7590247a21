//go:build !unix

package cli

import (
	"context"
	"io"
)

// awaitUnread needs Unix. On other systems the next write fails.
func awaitUnread(context.Context, io.Writer, func()) {}
