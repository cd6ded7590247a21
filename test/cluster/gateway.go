package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/canarize/canarize/test/cluster/packaged"
)

// packaged says where programs are kept that are not built from Go modules.
func (c command) packaged() (packaged.Place, error) {
	store, err := c.store()
	if err != nil {
		return packaged.Place{}, err
	}
	return packaged.Place{Cache: filepath.Dir(store.Dir), Getenv: os.Getenv, Log: c.err}, nil
}

// envoy prints the path of Envoy, for programs that start one.
func (c command) envoy(ctx context.Context) error {
	return c.printProgram(ctx, packaged.Place.Envoy)
}

// prometheus does the same for Prometheus.
func (c command) prometheus(ctx context.Context) error {
	return c.printProgram(ctx, packaged.Place.Prometheus)
}

func (c command) printProgram(ctx context.Context, find func(packaged.Place, context.Context) (string, error)) error {
	place, err := c.packaged()
	if err != nil {
		return err
	}
	path, err := find(place, ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, path)
	return err
}
