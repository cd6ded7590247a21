package runner

import (
	"context"
	"errors"
	"time"

	"github.com/canarize/canarize/internal/manifest"
)

// Objects reads and writes objects of a cluster, as decoded JSON.
type Objects interface {
	// Get gives nil for an object that is not there.
	Get(ctx context.Context, id manifest.ID) (map[string]any, error)
	// Fresh reads from the API server. Get may answer from what a watch has seen, which
	// may lag.
	Fresh(ctx context.Context, id manifest.ID) (map[string]any, error)
	// Apply makes objects what they should be, in order, and stops at the first
	// error. What is as it should be is not written.
	Apply(ctx context.Context, objects []map[string]any, how Apply) ([]Result, error)
	// Delete removes objects, in order, that carry labels; others are skipped. One that is
	// not there is no error.
	Delete(ctx context.Context, ids []manifest.ID, labels map[string]string) ([]Result, error)
}

// Apply says how objects are applied.
type Apply struct {
	Force bool // take fields over that somebody else owns
	Try   bool // let the server check everything and write nothing
}

// Change is what became of an object.
type Result struct {
	ID   manifest.ID
	What string // created, configured, unchanged, deleted or skipped
	Why  string // it was skipped
	// After is an object that was applied, as it is in the cluster then.
	After map[string]any
}

// Workloads waits for pods and sets their number.
type Workloads interface {
	// Ready waits until all objects are rolled out and ready. Its error says, in
	// the pods' own words where there are any, what they wait for; it is a NotReadyError
	// where it is the pods that are not ready, and not the API server that does not say.
	Ready(ctx context.Context, ids []manifest.ID, timeout time.Duration) error
	// SetReplicas sets spec.replicas, or spec.minReplicas of an autoscaler.
	SetReplicas(ctx context.Context, id manifest.ID, replicas int) error
}

// NotReadyError reports that pods did not become ready, for reasons of their own.
type NotReadyError struct{ Err error }

func (e NotReadyError) Error() string { return e.Err.Error() }
func (e NotReadyError) Unwrap() error { return e.Err }

// Store keeps one record per release.
type Store interface {
	// Load gives an empty record where there is none.
	Load(ctx context.Context, namespace, name string) (Record, error)
	// Save stores a record over the version it was read in, and gives the new
	// version. The error is ErrChanged when somebody else stored another one.
	Save(ctx context.Context, namespace, name string, r Record) (version string, err error)
}

// Record is what is stored of a release.
type Record struct {
	Version string // "" when nothing is stored yet
	State   []byte
	Plan    []byte
	// Said changes whenever somebody leaves word to whoever works on the release.
	Said string
}

// ErrChanged reports that another process stored something in between.
var ErrChanged = errors.New("somebody else works on the release at the same time")

// Lock makes sure that one process at a time works on a release.
type Lock interface {
	// Acquire waits for the lock of a release and takes it.
	Acquire(ctx context.Context, namespace, name, holder string) (Hold, error)
	// Alive says whether somebody holds the lock and goes on renewing it.
	Alive(ctx context.Context, namespace, name string) (bool, error)
}

// Hold is a lock that was taken.
type Hold interface {
	// Context ends with the one that the lock was acquired with, and with the cause
	// ErrLockLost when another process has taken the lock.
	Context() context.Context
	// Sure waits until it is certain that the lock is held: after an outage it has to be
	// renewed first. Its error is why that will not be.
	Sure(ctx context.Context) error
	// Release gives the lock back.
	Release()
}

// Inbox is where people say what they want while a process works on a release: the
// annotations of an object.
type Inbox interface {
	// Listen calls hear with the annotations at once and after every change, until ctx
	// ends. It may be silent for long: whoever needs to know reads.
	Listen(ctx context.Context, id manifest.ID, hear func(annotations map[string]string))
	// Annotate changes some annotations of an object that is still in a version; "" is
	// any. The error is ErrChanged when it is not. An object that is not there is no
	// error.
	Annotate(ctx context.Context, id manifest.ID, version string, annotations map[string]string) error
}
