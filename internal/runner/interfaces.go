package runner

import (
	"context"
	"errors"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

// Objects reads and writes objects of a cluster, as decoded JSON.
type Objects interface {
	// Get returns nil if the object does not exist.
	Get(ctx context.Context, id manifest.ID) (map[string]any, error)
	// Fresh reads from the API server. Get may answer from a watch, whose events may lag.
	Fresh(ctx context.Context, id manifest.ID) (map[string]any, error)
	// Apply applies objects in order and stops at the first error. It does not write an
	// object that is already as wanted.
	Apply(ctx context.Context, objects []map[string]any, how Apply) ([]Result, error)
	// Delete deletes objects in order. It skips an object without the labels. A missing
	// object is no error.
	Delete(ctx context.Context, ids []manifest.ID, labels map[string]string) ([]Result, error)
}

// Apply holds the options of Objects.Apply.
type Apply struct {
	Force bool // take over fields that other owners set
	Try   bool // dry run: the API server validates and writes nothing
}

// Result says what Apply or Delete did to an object.
type Result struct {
	ID   manifest.ID
	What string // created, configured, unchanged, deleted or skipped
	Why  string // the reason, if it was skipped
	// Same reports that the object has the same content as before, but perhaps for the
	// annotations that every run adds. It is not set if nobody compared.
	Same bool
	// After is the applied object as the API server returned it.
	After map[string]any
}

// Workloads waits for pods and sets their number.
type Workloads interface {
	// Ready waits until all objects are rolled out and ready. On failure it returns what
	// the pods report about themselves, if they report anything. The error is a
	// NotReadyError if the pods are not ready, as opposed to an API server that does not
	// answer.
	Ready(ctx context.Context, ids []manifest.ID, timeout time.Duration) error
	// SetReplicas sets spec.replicas, or spec.minReplicas of an autoscaler.
	SetReplicas(ctx context.Context, id manifest.ID, replicas int) error
}

// Examiner finds out why pods are not ready or crashed.
type Examiner interface {
	// Examine returns what it finds in the pods of workloads, the most telling first. It
	// leaves out workloads without the labels, and masks the content of the Secrets. It
	// takes at most two seconds and then returns what it has.
	Examine(ctx context.Context, workloads []manifest.ID, labels map[string]string, secrets []map[string]any) []rollout.Trouble
}

// NotReadyError reports that the pods themselves kept a workload from becoming ready.
type NotReadyError struct{ Err error }

func (e NotReadyError) Error() string { return e.Err.Error() }
func (e NotReadyError) Unwrap() error { return e.Err }

// Store stores one record per release.
type Store interface {
	// Load returns an empty record if none is stored.
	Load(ctx context.Context, namespace, name string) (Record, error)
	// Save replaces the version of the record that was loaded, and returns the new
	// version. It returns ErrChanged if the stored version is another one.
	Save(ctx context.Context, namespace, name string, r Record) (version string, err error)
}

// Record is the stored form of a release.
type Record struct {
	Version string // "" if nothing is stored yet
	State   []byte
	Plan    []byte
	// Said changes whenever somebody edits the statements about the release.
	Said string
	// History holds the releases that are over; see rollout.ParseHistory.
	History []byte
}

// ErrChanged reports that another process changed the record or the object in between.
var ErrChanged = errors.New("another process works on the release at the same time")

// Lock ensures that only one process works on a release at a time.
type Lock interface {
	// Acquire waits for the lock of a release and takes it.
	Acquire(ctx context.Context, namespace, name, holder string) (Hold, error)
	// Alive reports whether a process holds the lock and keeps renewing it.
	Alive(ctx context.Context, namespace, name string) (bool, error)
}

// Hold is an acquired lock.
type Hold interface {
	// Context ends with the context passed to Acquire. If another process takes the lock,
	// it ends with the cause ErrLockLost.
	Context() context.Context
	// Sure waits until the lock is certainly held: after an outage it has to be renewed
	// first. It returns an error if that cannot happen.
	Sure(ctx context.Context) error
	// Release releases the lock.
	Release()
}

// Rivals finds who else releases workloads.
type Rivals interface {
	// Rival returns a refusal if another program, or another unfinished release, releases
	// one of the workloads; nil if nobody does.
	Rival(ctx context.Context, release Release, workloads []manifest.ID) (*rollout.Refusal, error)
}

// Inbox receives what people want while a process works on a release, as annotations of
// an object.
type Inbox interface {
	// Listen calls hear with the annotations at once and after every change, until ctx
	// ends. It may stay silent for a long time although something changed; a caller that
	// has to know reads the annotations.
	Listen(ctx context.Context, id manifest.ID, hear func(annotations map[string]string))
	// Annotate changes annotations of an object if it still has the given version; ""
	// accepts every version. It returns ErrChanged if it does not. A missing object is no
	// error.
	Annotate(ctx context.Context, id manifest.ID, version string, annotations map[string]string) error
}
