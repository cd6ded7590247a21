package hub

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/rest"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/kube/kubetest"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

type fields = map[string]any

var (
	canaryID     = []manifest.ID{{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web-canary"}}
	canaryLabels = map[string]string{rollout.ReleaseLabel: "web"}
)

// crashing returns the cluster of a canary with so many crashing pods. answer may answer a
// request instead of the API server.
func crashing(t *testing.T, pods int, answer func(*http.Request) (*http.Response, error)) (c *cluster, events *[]string) {
	t.Helper()
	api := kubetest.New()
	api.Put("/apis/apps/v1/namespaces/shop/deployments/web-canary", fields{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": fields{"name": "web-canary", "namespace": "shop", "labels": fields{rollout.ReleaseLabel: "web"}},
		"spec": fields{"selector": fields{"matchLabels": fields{"app": "web-canary"}}},
	})
	for i := range pods {
		name := fmt.Sprintf("web-canary-%d", i)
		api.Put("/api/v1/namespaces/shop/pods/"+name, fields{
			"apiVersion": "v1", "kind": "Pod", "metadata": fields{"name": name, "namespace": "shop", "labels": fields{"app": "web-canary"}},
			"status": fields{"containerStatuses": []any{fields{"name": "web", "ready": false, "restartCount": 4, "state": fields{"waiting": fields{"reason": "CrashLoopBackOff"}}, "lastState": fields{"terminated": fields{"exitCode": 3, "reason": "Error"}}}}},
		})
	}
	api.Intercept(answer)
	client, err := kube.New(&rest.Config{Host: "http://fake:6443", Transport: api}, kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	events = new([]string)
	return &cluster{kube: client, emit: func(format string, args ...any) { *events = append(*events, fmt.Sprintf(format, args...)) }}, events
}

// TestExamineIsQuick: no ending waits longer than two seconds for what pods said, whichever
// request gets no answer, also while calls are retried until they succeed.
func TestExamineIsQuick(t *testing.T) {
	for _, silent := range []string{"", "/deployments/web-canary", "/pods", "/log", "/events"} {
		t.Run("silent "+silent, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var quiet atomic.Bool
				c, _ := crashing(t, 4, func(r *http.Request) (*http.Response, error) {
					if quiet.Load() && strings.HasSuffix(r.URL.Path, silent) {
						<-r.Context().Done()
						return nil, r.Context().Err()
					}
					return nil, nil
				})
				c.kube = c.kube.Persistent()
				if found := c.Examine(t.Context(), canaryID, canaryLabels, nil); len(found) != 3 {
					t.Fatalf("%+v", found)
				}
				quiet.Store(true) // discovery has its own test
				began := time.Now()
				found := c.Examine(t.Context(), canaryID, canaryLabels, nil)
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("it took %s", took)
				}
				if status := silent == "/log" || silent == "/events"; status != (len(found) == 3) {
					t.Errorf("%d troubles", len(found))
				}
			})
		})
	}
}

// TestExamineMasksSecrets: a program that prints its own secret when it crashes does not
// bring it into the record.
func TestExamineMasksSecrets(t *testing.T) {
	secret := fields{"kind": "Secret", "data": fields{
		"password": base64.StdEncoding.EncodeToString([]byte("correct-horse\n")),
		"config":   base64.StdEncoding.EncodeToString([]byte("user shop\nphrase battery staple\n")), "broken": "%",
	}}
	c, _ := crashing(t, 1, func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/log") {
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("cannot connect with correct-horse\nread phrase battery staple\nb64 Y29ycmVjdC1ob3JzZQo=\n"))}, nil
		}
		return nil, nil
	})
	found := c.Examine(t.Context(), canaryID, canaryLabels, []map[string]any{secret})
	if len(found) != 1 || len(found[0].Log) != 3 {
		t.Fatalf("%+v", found)
	}
	for _, part := range []string{"correct-horse", "battery", "Y29ycmVjdC1ob3JzZQo"} {
		if strings.Contains(strings.Join(found[0].Log, "\n"), part) {
			t.Errorf("%q is in %q", part, found[0].Log)
		}
	}
}

// TestExamineSaysOnceWhatItMayNot: a missing permission is named once, whatever the number
// of pods, and hides nothing else.
func TestExamineSaysOnceWhatItMayNot(t *testing.T) {
	c, _ := crashing(t, 3, func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/log") || strings.HasSuffix(r.URL.Path, "/events") {
			return kubetest.Answer(http.StatusForbidden, kubetest.Status(403, "Forbidden", "pods", "web")), nil
		}
		return nil, nil
	})
	found := c.Examine(t.Context(), canaryID, canaryLabels, nil)
	if len(found) != 3 {
		t.Fatalf("%+v", found)
	}
	said := ""
	for _, f := range found {
		said += f.Unread
		if f.ExitCode != 3 || f.Restarts != 4 {
			t.Errorf("%+v", f)
		}
	}
	for _, verb := range []string{"get on pods/log", "list on events"} {
		if n := strings.Count(said, verb); n != 1 {
			t.Errorf("%s is named %d times: %s", verb, n, said)
		}
	}
}

// TestExamineWithoutPods: a canary that may not be examined at all is an event, no error.
func TestExamineWithoutPods(t *testing.T) {
	c, events := crashing(t, 1, func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/pods") {
			return kubetest.Answer(http.StatusForbidden, kubetest.Status(403, "Forbidden", "pods", "web")), nil
		}
		return nil, nil
	})
	if found := c.Examine(t.Context(), canaryID, canaryLabels, nil); len(found) > 0 || len(*events) != 1 || !strings.Contains((*events)[0], "not allowed to list") {
		t.Errorf("%+v, %q", found, *events)
	}
}
