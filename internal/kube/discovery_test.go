package kube

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
)

// A user who may not use discovery is told so, and what to do.
func TestUndiscovered(t *testing.T) {
	for code, words := range map[int]string{
		http.StatusForbidden:    "not allowed to discover how the cluster serves it",
		http.StatusUnauthorized: "log in again",
	} {
		server := httptest.NewServer(respond(code, `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no"}`))
		t.Cleanup(server.Close)
		cluster, err := New(&rest.Config{Host: server.URL}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		undiscovered := Ref{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
		_, err = cluster.Get(t.Context(), undiscovered)
		if err == nil || !strings.Contains(err.Error(), undiscovered.String()+": ") || !strings.Contains(err.Error(), words) {
			t.Errorf("code %d: got %v, want the object and %q", code, err, words)
		}
	}
}
