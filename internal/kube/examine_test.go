package kube

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarize/canarize/internal/kube/kubetest"
)

var webWorkload = []Ref{{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}}

// warning returns an event about a pod.
func warning(uid, kind, reason, message, at string) map[string]any {
	return map[string]any{"type": kind, "reason": reason, "message": message, "lastTimestamp": at, "involvedObject": map[string]any{"uid": uid}}
}

// examinable makes the API server answer requests for logs and events.
func examinable(api *kubetest.API, log func() (int, string), events []any) {
	api.Intercept(func(r *http.Request) (*http.Response, error) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/log"):
			code, text := log()
			return &http.Response{StatusCode: code, Body: io.NopCloser(strings.NewReader(text))}, nil
		case strings.HasSuffix(r.URL.Path, "/events"):
			return kubetest.Answer(http.StatusOK, map[string]any{"kind": "EventList", "apiVersion": "v1", "items": events}), nil
		}
		return nil, nil
	})
}

// TestExamine checks what is read about a crash: the end of the log of the run that ended,
// without colors, and the last different warnings about the pod.
func TestExamine(t *testing.T) {
	c, api := newFake(t, Options{})
	deployment(api, 0)
	failingPod(api, "new", later, "2", fmt.Sprintf(crashLoop, 4))
	uid := kubetest.Meta(api.Get("/api/v1/namespaces/shop/pods/new"))["uid"].(string)
	log := ""
	for i := range 15 {
		log += fmt.Sprintf("\x1b[31mline %d\x1b[0m \r\n\n", i)
	}
	var query string
	examinable(api, func() (int, string) { return http.StatusOK, log }, []any{
		warning(uid, "Warning", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", "2026-01-02T12:00:05Z"),
		warning(uid, "Warning", "BackOff", "Back-off restarting\nfailed container", "2026-01-02T12:00:09Z"),
		warning(uid, "Warning", "BackOff", "Back-off restarting failed container", "2026-01-02T12:00:01Z"),
		warning(uid, "Normal", "Pulled", "Container image is present", "2026-01-02T12:00:08Z"),
		warning("other", "Warning", "Failed", "of another pod", "2026-01-02T12:00:09Z"),
		warning(uid, "Warning", "First", "1", "2026-01-02T11:00:09Z"),
		warning(uid, "Warning", "Second", "2", "2026-01-02T11:30:09Z"),
	})
	found, err := c.Examine(t.Context(), webWorkload, nil)
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	f := found[0]
	if len(f.Log) != 10 || f.Log[0] != "line 5" || f.Log[9] != "line 14" {
		t.Errorf("log %q", f.Log)
	}
	if want := "Second: 2|Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503|BackOff: Back-off restarting failed container"; strings.Join(f.Events, "|") != want {
		t.Errorf("events %q, expected %q", f.Events, want)
	}
	api.Intercept(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/log") {
			query = r.URL.RawQuery
		}
		return nil, nil
	})
	if found, _ := c.Examine(t.Context(), webWorkload, nil); len(found) != 1 || found[0].LogUnread == nil {
		t.Errorf("without a log: %+v", found)
	}
	if want := "container=web&limitBytes=262144&previous=true&tailLines=10"; query != want {
		t.Errorf("%s, expected %s", query, want)
	}
	if found, err := c.Examine(t.Context(), webWorkload, map[string]string{"canarize.dev/release": "shop"}); len(found) > 0 || err != nil {
		t.Errorf("a workload of somebody else: %+v, %v", found, err)
	}
}

// TestExamineForbidden checks that a missing permission is named, and that the rest is read.
func TestExamineForbidden(t *testing.T) {
	c, api := newFake(t, Options{})
	deployment(api, 0)
	failingPod(api, "new", later, "2", fmt.Sprintf(crashLoop, 4))
	api.Intercept(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/log") || strings.HasSuffix(r.URL.Path, "/events") {
			return kubetest.Answer(http.StatusForbidden, kubetest.Status(403, "Forbidden", "pods", "new")), nil
		}
		return nil, nil
	})
	found, err := c.Examine(t.Context(), webWorkload, nil)
	if err != nil || len(found) != 1 || found[0].Code != 3 {
		t.Fatal(found, err)
	}
	if f := found[0]; !IsForbidden(f.LogUnread) || !strings.Contains(f.LogUnread.Error(), "get on pods/log") || !IsForbidden(f.EventsUnread) || !strings.Contains(f.EventsUnread.Error(), "list on events") {
		t.Errorf("%v; %v", f.LogUnread, f.EventsUnread)
	}
}

// TestExamineEnds checks that Examine ends with its context and returns what it has by then,
// whichever request has no answer.
func TestExamineEnds(t *testing.T) {
	for silent, want := range map[string]int{"/deployments/web": 0, "/pods": 0, "/log": 1, "/events": 1} {
		t.Run(silent, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, api := newFake(t, Options{})
				deployment(api, 0)
				failingPod(api, "new", later, "2", fmt.Sprintf(crashLoop, 4))
				api.Intercept(func(r *http.Request) (*http.Response, error) {
					switch {
					case strings.HasSuffix(r.URL.Path, silent):
						<-r.Context().Done()
						return nil, r.Context().Err()
					case strings.HasSuffix(r.URL.Path, "/log"):
						return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("panic"))}, nil
					case strings.HasSuffix(r.URL.Path, "/events"):
						return kubetest.Answer(http.StatusOK, map[string]any{"kind": "EventList", "apiVersion": "v1", "items": []any{}}), nil
					}
					return nil, nil
				})
				ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
				defer stop()
				began := time.Now()
				found, err := c.Examine(ctx, webWorkload, nil)
				if took := time.Since(began); took > 2*time.Second+runUntilGrace {
					t.Errorf("it took %s", took)
				}
				if len(found) != want || (err == nil) != (want > 0) {
					t.Errorf("%+v, %v", found, err)
				}
				if silent == "/events" && (len(found[0].Log) != 1 || found[0].EventsUnread == nil) {
					t.Errorf("%+v", found[0])
				}
			})
		})
	}
}
