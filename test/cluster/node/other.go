//go:build !linux

package node

import (
	"context"
	"io"

	"github.com/canarize/canarize/test/cluster/launch"
	"github.com/canarize/canarize/test/cluster/process"
)

// Open returns an error, because nodes need Linux. So do the following functions.
func Open(context.Context, launch.Launcher, string, Programs, string) (Network, error) {
	return Network{}, Check()
}

func Ended(launch.Launcher) error { return Check() }

func Opened(context.Context, launch.Launcher, func(context.Context, string) error) error {
	return Check()
}

func Socket(process.Table) (string, error) { return "", Check() }

func Run(context.Context, string, io.Writer) error { return Check() }

// Remove does nothing.
func Remove(context.Context, string) error { return nil }
