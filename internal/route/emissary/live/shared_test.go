package live

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestSharedReadings: all callers before the begin of a reading share it, readings keep
// their distance, and no caller gets a value from before its call.
func TestSharedReadings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var readings, atOnce atomic.Int64
		s := newShared(func(_ context.Context, of string) (time.Time, error) {
			began := time.Now()
			readings.Add(1)
			if atOnce.Add(1) > 1 {
				t.Error("two readings at once")
			}
			defer atOnce.Add(-1)
			time.Sleep(30 * time.Millisecond)
			if of != "page" {
				return began, errors.New("another page")
			}
			return began, nil
		})
		const callers, seconds = 200, 10
		began := time.Now()
		var all sync.WaitGroup
		for n := range callers {
			all.Go(func() {
				time.Sleep(time.Duration(n) * 7 * time.Millisecond)
				for range seconds {
					called := time.Now()
					is, err := s.get(t.Context(), "page", time.Second)
					if err != nil || is.Before(called) {
						t.Errorf("called at %s, got the value of %s, error %v", called, is, err)
					}
					time.Sleep(time.Until(called.Add(time.Second)))
				}
			})
		}
		all.Wait()
		if took := time.Since(began).Seconds(); float64(readings.Load()) > took+1 {
			t.Errorf("%d readings in %g s", readings.Load(), took)
		}
	})
}

// TestSharedReadingOutlivesCallers: a caller that leaves does not end the reading of
// the others, and the last one does.
func TestSharedReadingOutlivesCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended atomic.Int64
		release := make(chan struct{})
		s := newShared(func(ctx context.Context, _ string) (string, error) {
			select {
			case <-release:
				return "read", nil
			case <-ctx.Done():
				ended.Add(1)
				return "", context.Cause(ctx)
			}
		})
		impatient, leave := context.WithCancelCause(t.Context())
		why := errors.New("I have to go")
		got := make(chan string, 3)
		get := func(ctx context.Context) {
			text, err := s.get(ctx, "page", 0)
			got <- fmt.Sprint(text, " ", err)
		}
		go get(impatient)
		go get(t.Context())
		synctest.Wait()
		leave(why)
		if text := <-got; text != " I have to go" || ended.Load() != 0 {
			t.Errorf("%q, %d ended", text, ended.Load())
		}
		close(release)
		if text := <-got; text != "read <nil>" {
			t.Error(text)
		}
		release = make(chan struct{})
		last, leave := context.WithCancelCause(t.Context())
		go get(last)
		synctest.Wait()
		leave(why)
		<-got
		synctest.Wait()
		if ended.Load() != 1 {
			t.Error("a reading without callers continues")
		}
		close(release)
		if text, err := s.get(t.Context(), "page", 0); text != "read" || err != nil {
			t.Errorf("the next reading: %q, %v", text, err)
		}
	})
}

// TestSplitStatistics: each release gets the lines of its own clusters, and the lines
// without a cluster.
func TestSplitStatistics(t *testing.T) {
	page := splitStatistics([]byte(`# TYPE envoy_cluster_upstream_rq_xx counter
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="a"} 1
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="ab"} 2
envoy_server_live{} 1
envoy_cluster_upstream_rq_xx{envoy_response_code_class="5",envoy_cluster_name="a"} 3`))
	want := `envoy_server_live{} 1
envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="a"} 1
envoy_cluster_upstream_rq_xx{envoy_response_code_class="5",envoy_cluster_name="a"} 3
`
	if diff := cmp.Diff(want, string(page.of([]string{"a", "missing"}))); diff != "" {
		t.Error(diff)
	}
}
