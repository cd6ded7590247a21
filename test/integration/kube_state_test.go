//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/canarize/canarize/internal/kube"
)

const release = "canarize-web"

func testRecord(t *testing.T, s site) {
	ctx := t.Context()
	if r, err := s.cluster.Load(ctx, s.namespace, release); err != nil || r.Version != "" {
		t.Fatalf("%+v, %v", r, err)
	}
	first := kube.Record{Labels: map[string]string{"canarize.dev/release": "web"}, Data: map[string]string{"state": "1"}, Binary: map[string][]byte{"plan": {0, 255}}}
	v1, err := s.cluster.Save(ctx, s.namespace, release, first)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.cluster.Save(ctx, s.namespace, release, kube.Record{Data: map[string]string{"state": "other"}}); !errors.Is(err, kube.ErrChanged) {
		t.Errorf("made a second time: %v", err)
	}
	loaded, err := s.cluster.Load(ctx, s.namespace, release)
	if err != nil || loaded.Version != v1 || loaded.Data["state"] != "1" || string(loaded.Binary["plan"]) != "\x00\xff" {
		t.Errorf("%+v, %v", loaded, err)
	}
	loaded.Data["state"] = "2"
	v2, err := s.cluster.Save(ctx, s.namespace, release, loaded)
	if err != nil || v2 == v1 {
		t.Fatal(v2, err)
	}
	loaded.Data["state"] = "3" // still of version 1
	if _, err := s.cluster.Save(ctx, s.namespace, release, loaded); !errors.Is(err, kube.ErrChanged) {
		t.Errorf("over another version: %v", err)
	}
	all, err := s.cluster.List(ctx, kube.Ref{Kind: "ConfigMap", Namespace: s.namespace}, "canarize.dev/release")
	if err != nil || len(all) != 1 {
		t.Errorf("listed %d, %v", len(all), err)
	}
	if err := s.cluster.Forget(ctx, s.namespace, release, v1); !errors.Is(err, kube.ErrChanged) {
		t.Errorf("forgotten in another version: %v", err)
	}
	for range 2 {
		if err := s.cluster.Forget(ctx, s.namespace, release, v2); err != nil {
			t.Error(err)
		}
	}
	loaded.Version = v2
	if _, err := s.cluster.Save(ctx, s.namespace, release, loaded); !errors.Is(err, kube.ErrChanged) {
		t.Errorf("over a deleted one: %v", err)
	}
}

// count increments a number in a record the given number of times, each time over the
// version that it has read.
func count(ctx context.Context, c *kube.Cluster, namespace string, times int) error {
	for done := 0; done < times; {
		r, err := c.Load(ctx, namespace, release)
		if err != nil {
			return err
		}
		n, _ := strconv.Atoi(r.Data["n"]) // "" is 0
		// Equal writes at the same time could not be distinguished.
		r.Data = map[string]string{"n": strconv.Itoa(n + 1), "by": fmt.Sprintf("%p", c)}
		_, err = c.Save(ctx, namespace, release, r)
		switch {
		case err == nil:
			done++
		case !errors.Is(err, kube.ErrChanged):
			return err
		}
	}
	return nil
}

// testRecordsOfMany checks that with many writers no write is lost and none is done twice.
func testRecordsOfMany(t *testing.T, s site) {
	const writers, times = 4, 10
	errs := make(chan error, writers)
	for range writers {
		c := connect(t, s.kubeconfig)
		go func() { errs <- count(t.Context(), c, s.namespace, times) }()
	}
	for range writers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	r, err := s.cluster.Load(t.Context(), s.namespace, release)
	if err != nil || r.Data["n"] != strconv.Itoa(writers*times) {
		t.Errorf("%s counted, expected %d; %v", r.Data["n"], writers*times, err)
	}
}

func testLock(t *testing.T, s site) {
	held, err := s.cluster.Acquire(t.Context(), s.namespace, release, kube.Lock{Holder: "build 1", Duration: 6 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.cluster.Acquire(t.Context(), s.namespace, release, kube.Lock{Holder: "build 2"})
	var other *kube.HeldError
	if !errors.As(err, &other) || other.Holder != "build 1" || !strings.Contains(err.Error(), "held by build 1") {
		t.Errorf("%v, expected to hear of build 1", err)
	}
	waited := make(chan string, 10)
	taken := make(chan error)
	go func() {
		held, err := s.cluster.Acquire(t.Context(), s.namespace, release, kube.Lock{Holder: "build 3", Wait: true, Waiting: func(holder string) { waited <- holder }})
		if err == nil {
			err = held.Release(t.Context())
		}
		taken <- err
	}()
	if holder := <-waited; holder != "build 1" {
		t.Errorf("waiting for %s", holder)
	}
	renewed := func() time.Time {
		state, err := s.cluster.LockState(t.Context(), s.namespace, release)
		if err != nil {
			t.Fatal(err)
		}
		return state.Renewed
	}
	for last := range 2 {
		before := renewed()
		until(t, fmt.Sprint("renewal ", last+1), func() bool { return renewed().After(before) })
	}
	select {
	case err := <-taken:
		t.Errorf("taken from its holder: %v", err)
	default:
	}
	if err := held.Sure(t.Context()); err != nil || held.Context().Err() != nil {
		t.Error("lost:", err, context.Cause(held.Context()))
	}
	if err := held.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-taken; err != nil {
		t.Error(err)
	}
	if o := s.get(t, s.ref("coordination.k8s.io", "Lease", release)); o != nil {
		t.Error("the Lease is left:", o)
	}
}

// testStaleLock checks that a holder that stopped renewing is replaced.
func testStaleLock(t *testing.T, s site) {
	s.apply(t, `{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: `+release+`}, spec: {holderIdentity: dead, leaseDurationSeconds: 3, renewTime: "2020-01-01T00:00:00.000000Z"}}`)
	began := time.Now()
	held, err := s.cluster.Acquire(t.Context(), s.namespace, release, kube.Lock{Holder: "build 1"})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("taken over after %s; expected it to watch for an interval first", took)
	}
	if err := held.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// testLostLock checks that a holder loses a lock that somebody takes, and leaves it to them.
func testLostLock(t *testing.T, s site) {
	held, err := s.cluster.Acquire(t.Context(), s.namespace, release, kube.Lock{Holder: "build 1", Duration: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.patch(t.Context(), leases, release, map[string]any{"spec": map[string]any{"holderIdentity": "thief"}}); err != nil {
		t.Fatal(err)
	}
	<-held.Context().Done()
	if err := context.Cause(held.Context()); !errors.Is(err, kube.ErrLost) {
		t.Error(err)
	}
	if err := held.Sure(t.Context()); !errors.Is(err, kube.ErrLost) {
		t.Error(err)
	}
	if err := held.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if state, err := s.cluster.LockState(t.Context(), s.namespace, release); err != nil || state.Holder != "thief" {
		t.Errorf("left: %+v, %v", state, err)
	}
}

// testDeletedLock checks that the holder takes a deleted lock again and never loses it.
func testDeletedLock(t *testing.T, s site) {
	held, err := s.cluster.Acquire(t.Context(), s.namespace, release, kube.Lock{Holder: "build 1", Duration: time.Second, Labels: map[string]string{"canarize.dev/release": "web"}})
	if err != nil {
		t.Fatal(err)
	}
	before, err := s.cluster.LockState(t.Context(), s.namespace, release)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.dynamic.Resource(leases).Namespace(s.namespace).Delete(t.Context(), release, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	// Wait until it comes back; the limit is the timeout of the whole package.
	err = s.cluster.Watch(t.Context(), s.ref("coordination.k8s.io", "Lease", release), func(o map[string]any) (bool, error) {
		if o == nil {
			return false, nil
		}
		state, err := kube.LockStateOf(o)
		return state.Holder == "build 1" && state.Version != before.Version, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := held.Sure(t.Context()); err != nil || held.Context().Err() != nil {
		t.Error("lost:", err, context.Cause(held.Context()))
	}
	listed, err := s.cluster.List(t.Context(), kube.Ref{Group: "coordination.k8s.io", Kind: "Lease", Namespace: s.namespace}, "canarize.dev/release")
	if err != nil || len(listed) != 1 {
		t.Errorf("listed %d by label, %v", len(listed), err)
	}
	if err := held.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// testLocksOfMany checks that two processes never hold a lock at the same time, and that
// each gets it.
func testLocksOfMany(t *testing.T, s site) {
	var holding, most atomic.Int32
	var all sync.WaitGroup
	for i := range 5 {
		c := connect(t, s.kubeconfig)
		all.Go(func() {
			held, err := c.Acquire(t.Context(), s.namespace, release, kube.Lock{Holder: fmt.Sprint("build ", i), Wait: true})
			if err != nil {
				t.Error(err)
				return
			}
			if n := holding.Add(1); n > most.Load() {
				most.Store(n)
			}
			for range 5 { // work
				if _, err := c.LockState(t.Context(), s.namespace, release); err != nil {
					t.Error(err)
				}
			}
			holding.Add(-1)
			if err := held.Release(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if most.Load() != 1 {
		t.Errorf("%d held the lock at once", most.Load())
	}
}
