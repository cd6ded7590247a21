package wiring

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/rollout"
)

// TestUser: if the user may not ask for the own name, or the API server does not
// support it, the name is "" without an error.
func TestUser(t *testing.T) {
	for code, answer := range map[int]string{
		http.StatusCreated:   `{"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1", "status": {"userInfo": {"username": "ann"}}}`,
		http.StatusForbidden: `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403, "reason": "Forbidden", "message": "User \"ann\" cannot create resource \"selfsubjectreviews\""}`,
		http.StatusNotFound:  `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404, "reason": "NotFound", "message": "the server could not find the requested resource"}`,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			fmt.Fprint(w, answer)
		}))
		t.Cleanup(server.Close)
		engine, err := Connect(Options{Target: kube.Target{Kubeconfig: kubeconfig(t, server.URL)}, Emit: func(rollout.Event) {}})
		if err != nil {
			t.Fatal(err)
		}
		want := map[int]string{http.StatusCreated: "ann"}[code]
		if user, err := engine.User(t.Context()); err != nil || user != want {
			t.Errorf("code %d: %q, %v", code, user, err)
		}
		engine.Close()
	}
}

// kubeconfig writes a kubeconfig for an API server.
func kubeconfig(t *testing.T, server string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "c",
"clusters": [{"name": "c", "cluster": {"server": %q}}], "contexts": [{"name": "c", "context": {"cluster": "c"}}]}`, server)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
