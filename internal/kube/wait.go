package kube

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/canarize/canarize/internal/readiness"
)

// Wait holds the options of waiting for objects.
type Wait struct {
	// Deadline limits the time without progress; 0 means 10 minutes, the default of
	// Deployments.
	Deadline time.Duration
	// Report, if not nil, is called whenever the progress of an object changes; never
	// concurrently.
	Report func(Progress)
}

// Progress is the progress of an object that Ready waits for.
type Progress struct {
	Ref      Ref
	Status   readiness.Status
	Troubles []readiness.Trouble // of its pods, sorted by name
}

func (p Progress) String() string { return p.describe(readiness.Trouble.String) }

// Waiting is String, and says what each trouble waits for.
func (p Progress) Waiting() string {
	return p.describe(func(t readiness.Trouble) string {
		if awaits := t.Awaits(); awaits != "" {
			return t.String() + " (" + awaits + ")"
		}
		return t.String()
	})
}

func (p Progress) describe(trouble func(readiness.Trouble) string) string {
	parts := []string{p.Status.Message}
	if p.Status.Phase == readiness.Current {
		parts = []string{"ready"}
	}
	for _, t := range p.Troubles {
		parts = append(parts, trouble(t))
	}
	return p.Ref.String() + ": " + strings.Join(parts, "; ")
}

// NotReadyError reports that an object did not become ready, and why.
type NotReadyError struct {
	Progress
	Reason string // for example "no progress for 10m0s"
}

func (e *NotReadyError) Error() string { return fmt.Sprintf("%s (%s)", e.Progress, e.Reason) }

// Remedy says where to look for more. It does not belong into the text of the error,
// because the object may be deleted before somebody reads that.
func (e *NotReadyError) Remedy() string {
	return fmt.Sprintf("see kubectl describe %s %s -n %s", strings.ToLower(e.Ref.Kind), e.Ref.Name, e.Ref.Namespace)
}

// Ready waits until all objects are ready, as internal/readiness judges. It watches
// them and, while they are not ready, their pods. If an object fails, makes no progress
// within the deadline, or is deleted, the error is a *NotReadyError with the reasons of
// its pods: an image that cannot be pulled, a crash, no node, a quota. A reason that does
// not pass by itself ends the wait earlier.
func (c *Cluster) Ready(ctx context.Context, refs []Ref, how Wait) error {
	if how.Deadline == 0 {
		how.Deadline = 10 * time.Minute
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var reporting sync.Mutex
	errs := make(chan error, len(refs))
	for _, ref := range refs {
		w := &waiter{cluster: c, how: how, reporting: &reporting, progress: Progress{Ref: ref}}
		go func() { errs <- w.wait(ctx) }()
	}
	var first error
	for range refs {
		if err := <-errs; err != nil && first == nil {
			first = err
			cancel() // waiting for the others is useless
		}
	}
	return first
}

// waiter waits for one object.
type waiter struct {
	cluster   *Cluster
	how       Wait
	reporting *sync.Mutex

	mu       sync.Mutex
	progress Progress
	best     map[int64]int // best readiness.Progress by generation
	rolling  bool          // there are pods of the latest version
	pods     []map[string]any
	lasting  lasting
	giveUp   context.CancelCauseFunc
}

func (w *waiter) wait(ctx context.Context) error {
	err := w.follow(ctx)
	var doomed doomedError
	if !errors.Is(err, errNoProgress) && !errors.As(err, &doomed) {
		return err
	}
	// The watch itself may be stuck: only a fresh read proves that the pods are.
	object, err := w.cluster.Fresh(ctx, w.progress.Ref)
	if err != nil {
		return err
	}
	if object == nil {
		return w.gone()
	}
	status := readiness.Compute(object)
	better := w.record(object, status)
	switch {
	case status.Phase == readiness.Current:
		return nil
	case status.Phase == readiness.Failed:
		return w.notReady("it has failed")
	case doomed.why != "":
		return w.notReady(doomed.why)
	case better:
		return w.wait(ctx)
	}
	return w.notReady("no progress for " + w.how.Deadline.String())
}

// errNoProgress ends the watch of an object that makes no progress within the deadline.
var errNoProgress = errors.New("no progress")

// follow watches until the object is ready, has failed, or makes no progress.
func (w *waiter) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var pods sync.WaitGroup
	defer pods.Wait()
	defer cancel(nil)
	w.mu.Lock()
	w.giveUp = cancel
	w.mu.Unlock()
	deadline := time.AfterFunc(w.how.Deadline, func() { cancel(errNoProgress) })
	defer deadline.Stop()
	podsWatched := false
	return w.cluster.Watch(ctx, w.progress.Ref, func(object map[string]any) (bool, error) {
		if object == nil {
			return false, w.gone()
		}
		status := readiness.Compute(object)
		if w.record(object, status) {
			deadline.Reset(w.how.Deadline)
		}
		switch status.Phase {
		case readiness.Current:
			return true, nil
		case readiness.Failed:
			return false, w.notReady("it has failed")
		}
		if !podsWatched && readiness.HasPods(object) {
			podsWatched = true
			selector, err := podSelector(object)
			if err != nil {
				return false, fmt.Errorf("%s: %w", w.progress.Ref, err)
			}
			pods.Go(func() { w.watchPods(ctx, selector) })
		}
		return false, nil
	})
}

// record stores and reports a status, and returns whether it is better than any before.
func (w *waiter) record(object map[string]any, status readiness.Status) (better bool) {
	u := unstructured.Unstructured{Object: object}
	w.mu.Lock()
	before, known := w.best[u.GetGeneration()]
	now := readiness.Progress(object)
	if better = !known || now > before; better {
		w.best = map[int64]int{u.GetGeneration(): now}
	}
	changed := w.progress.Status != status
	w.progress.Status, w.rolling = status, readiness.Rolling(object)
	w.giveUpLater()
	w.mu.Unlock()
	if changed {
		w.report()
	}
	return better
}

func (w *waiter) report() {
	if w.how.Report == nil {
		return
	}
	w.reporting.Lock()
	defer w.reporting.Unlock()
	w.how.Report(w.snapshot())
}

func (w *waiter) snapshot() Progress {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.progress
	p.Troubles = slices.Clone(p.Troubles)
	return p
}

// watchPods keeps the problems of the pods up to date. They are extra information: an
// error, such as a missing permission, is reported like a problem of a pod.
func (w *waiter) watchPods(ctx context.Context, selector string) {
	pods := Ref{Kind: "Pod", Namespace: w.progress.Ref.Namespace}
	var err error
	if may, done := w.cluster.pods.alone(pods.Namespace); may {
		defer done()
		var what following
		if what, err = w.cluster.followAll(ctx, pods, selector); err == nil {
			what.unlisted = true // saves a request
			err = watched(pods, what.follow(ctx, func(all map[string]map[string]any, _ event) (bool, error) { return w.handlePods(all) }))
		}
	} else {
		followed := w.cluster.Follow(pods.Namespace, selector)
		defer followed.Close()
		err = followed.watchObjects(ctx, w.handlePods)
	}
	if err != nil && ctx.Err() == nil {
		w.setTroubles([]readiness.Trouble{{Pod: selector, Reason: "PodsNotReadable", Message: err.Error()}})
	}
}

func (w *waiter) handlePods(all map[string]map[string]any) (enough bool, err error) {
	var troubles []readiness.Trouble
	var pods []map[string]any
	for _, key := range slices.Sorted(maps.Keys(all)) {
		pods = append(pods, all[key])
		if t, found := readiness.PodTrouble(all[key]); found {
			troubles = append(troubles, w.remembering(t))
		}
	}
	w.setTroubles(troubles)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pods = pods
	w.giveUpLater()
	return false, nil
}

func (w *waiter) setTroubles(troubles []readiness.Trouble) {
	w.mu.Lock()
	changed := !slices.Equal(w.progress.Troubles, troubles)
	w.progress.Troubles = troubles
	w.mu.Unlock()
	if changed {
		w.report()
	}
}

func (w *waiter) notReady(reason string) error {
	return &NotReadyError{Progress: w.snapshot(), Reason: reason}
}

func (w *waiter) gone() error {
	p := w.snapshot()
	p.Status = readiness.Status{Phase: readiness.Failed, Message: "it does not exist"}
	return &NotReadyError{Progress: p, Reason: "it was never created, or somebody deleted it"}
}

// podSelector returns the selector of a workload as a label selector for lists.
func podSelector(object map[string]any) (string, error) {
	fields, _, err := unstructured.NestedMap(object, "spec", "selector")
	if err != nil {
		return "", err
	}
	var selector metav1.LabelSelector
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &selector); err != nil {
		return "", fmt.Errorf("spec.selector: %w", err)
	}
	parsed, err := metav1.LabelSelectorAsSelector(&selector)
	if err != nil {
		return "", fmt.Errorf("spec.selector: %w", err)
	}
	return parsed.String(), nil
}
