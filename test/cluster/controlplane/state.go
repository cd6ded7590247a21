package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/canarize/canarize/test/cluster/node"
	"github.com/canarize/canarize/test/cluster/process"
)

// State describes a control plane. Its folder has it in a file, from before the first process
// starts until Stop has ended the last.
type State struct {
	Dir        string `json:"dir"`
	Kubeconfig string `json:"kubeconfig"`
	Kubectl    string `json:"kubectl"` // of the same version as the server
	Server     string `json:"server,omitempty"`
	// Network is the network of the node; nil without a node.
	Network     *node.Network `json:"network,omitempty"`
	Gateway     string        `json:"gateway,omitempty"`     // URL of the gateway
	Diagnostics string        `json:"diagnostics,omitempty"` // URL of its port 8877
	Prometheus  string        `json:"prometheus,omitempty"`  // URL
	Ready       bool          `json:"ready"`                 // false: still starting, or the start was killed
}

const (
	stateName = "cluster.json"
	// grace is the time that a terminated starter has to clean up.
	grace = 15 * time.Second
)

func readState(dir string) (State, error) {
	path := filepath.Join(dir, stateName)
	b, err := os.ReadFile(path)
	if err != nil {
		return State{}, err
	}
	s := State{Dir: dir}
	if len(b) == 0 { // its writer was killed
		return s, nil
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return State{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// create writes the state into a folder that has none yet.
func (s State) create() error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(s.Dir, stateName), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("claim the folder of the control plane: %w", err)
	}
	_, err = f.Write(append(b, '\n'))
	return errors.Join(err, f.Close())
}

func (s State) replace() error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(s.Dir, stateName)
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the state of the control plane: %w", err)
	}
	return os.Rename(path+".new", path)
}

// Inspect returns the state of the control plane in dir, or fs.ErrNotExist if there is none.
func Inspect(dir string) (State, error) { return readState(dir) }

// Processes returns the processes of the control plane in dir, including those that have
// ended.
func Processes(dir string) ([]process.Process, error) {
	return process.OpenTable(dir).List()
}

// Stop ends the control plane in dir, in any state, and deletes the folder. It is no error if
// there is none.
func Stop(ctx context.Context, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if _, err := readState(dir); errors.Is(err, fs.ErrNotExist) {
		return removeIfEmpty(dir)
	}
	table := process.OpenTable(dir)
	if err := endStarter(ctx, table); err != nil {
		return err
	}
	if err := table.Seal(); err != nil {
		return fmt.Errorf("stop the control plane in %s: %w", dir, err)
	}
	all, err := table.List()
	if err != nil {
		return fmt.Errorf("stop the control plane in %s: %w", dir, err)
	}
	slices.Reverse(all)
	for _, p := range all {
		if p.PID == os.Getpid() {
			continue
		}
		// All its data is about to be deleted, so it need not flush any.
		if err := p.Kill(ctx); err != nil {
			return fmt.Errorf("stop the control plane in %s: %w", dir, err)
		}
	}
	if err := node.Remove(ctx, dir); err != nil {
		return fmt.Errorf("stop the control plane in %s: %w", dir, err)
	}
	return remove(dir)
}

// endStarter ends the program that is still starting the control plane; otherwise it would
// start the next component meanwhile.
func endStarter(ctx context.Context, table process.Table) error {
	all, err := table.List()
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.Name == guardName && p.PID != os.Getpid() {
			if err := p.Terminate(ctx, grace); err != nil {
				return err
			}
		}
	}
	return nil
}

// remove deletes the folder, the state last. If it fails half-way, the next Stop still
// recognises the folder.
func remove(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == stateName {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("delete the control plane: %w", err)
		}
	}
	return os.RemoveAll(dir)
}

// removeIfEmpty deletes a folder whose creator died before it claimed the folder. A folder
// with content is not ours.
func removeIfEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s holds no control plane (there is no %s in it): nothing was done", dir, stateName)
	}
	return os.Remove(dir)
}
