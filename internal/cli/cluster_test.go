package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/kube/kubetest"
	"github.com/canarize/canarize/internal/rollout"
)

// serve makes an API server in memory answer over HTTP, and sets KUBECONFIG to it. The
// context prod has the namespace shop.
func serve(t *testing.T, api *kubetest.API) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, err := api.RoundTrip(r)
		if err != nil {
			t.Error(err)
			return
		}
		defer answer.Body.Close()
		for name, values := range answer.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(flushing{w}, answer.Body) // the client may leave
	}))
	t.Cleanup(server.CloseClientConnections)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "prod",
"clusters": [{"name": "c", "cluster": {"server": %q}}],
"contexts": [{"name": "prod", "context": {"cluster": "c", "namespace": "shop"}}, {"name": "staging", "context": {"cluster": "c"}}]}`, server.URL)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", file)
}

// flushing sends the events of a watch at once.
type flushing struct{ http.ResponseWriter }

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.ResponseWriter.Write(p)
	f.ResponseWriter.(http.Flusher).Flush()
	return n, err
}

func putNamespaces(api *kubetest.API, names ...string) {
	for _, name := range names {
		api.Put("/api/v1/namespaces/"+name, map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}})
	}
}

// putRelease stores the record of a release.
func putRelease(t *testing.T, api *kubetest.API, namespace, name string, s rollout.State) {
	t.Helper()
	s.Schema = rollout.Schema
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	api.Put("/api/v1/namespaces/"+namespace+"/configmaps/"+rollout.RecordName(name), map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": rollout.RecordName(name), "namespace": namespace, "labels": map[string]any{rollout.ReleaseLabel: name}},
		"data":     map[string]any{rollout.StateKey: string(text)},
	})
}

// forbid answers requests whose path ends so as the API server does without a permission.
func forbid(api *kubetest.API, suffix string) {
	api.Intercept(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, suffix) {
			return kubetest.Answer(http.StatusForbidden, kubetest.Status(403, "Forbidden", "namespaces", "")), nil
		}
		return nil, nil
	})
}

func TestNoReleases(t *testing.T) {
	api := kubetest.New()
	serve(t, api)
	putNamespaces(api, "shop", "shop-staging", "eu")
	putRelease(t, api, "eu", "checkout", rollout.State{Phase: rollout.Standing, Started: time.Unix(1, 0)})
	for args, want := range map[string]struct {
		code int
		says string
	}{
		"status":                    {0, "there are no releases in namespace shop (context prod); canarize status -A lists those of all namespaces"},
		"status --context staging":  {2, "the namespace default does not exist (context staging)"},
		"status -n shpo":            {2, "the namespace shpo does not exist (context prod); perhaps you mean shop"},
		"status -n nothing-like-it": {2, "the namespace nothing-like-it does not exist (context prod)"},
		"status -n shpo -o json":    {2, "the namespace shpo does not exist (context prod); perhaps you mean shop"},
		"status -n shpo --watch":    {2, "the namespace shpo does not exist (context prod); perhaps you mean shop"},
		"status -n shpo web":        {2, "the namespace shpo does not exist (context prod); perhaps you mean shop"},
		"report -n shpo web":        {2, "the namespace shpo does not exist (context prod); perhaps you mean shop"},
		"status -n eu chekout":      {2, "there is no release chekout in namespace eu (context prod); perhaps you mean checkout; canarize status -A lists the releases of all namespaces"},
		"report -n eu chekout":      {2, "there is no release chekout in namespace eu (context prod); perhaps you mean checkout; canarize status -A lists the releases of all namespaces"},
		"status --context prodd":    {1, `kubeconfig: there is no context "prodd"; did you mean prod? the contexts are prod, staging; see kubectl config get-contexts`},
	} {
		var stdout, stderr bytes.Buffer
		code := Main(t.Context(), append([]string{"canarize"}, strings.Fields(args)...), Streams{Out: &stdout, Err: &stderr})
		if got := uncoded(t, stderr.String()); code != want.code || got != "canarize: "+want.says || stdout.Len() > 0 {
			t.Errorf("canarize %s: %d, %s\n%s\nexpected %d\n%s", args, code, stdout.String(), got, want.code, "canarize: "+want.says)
		}
	}
	code, stdout, _ := run(t.Context(), t, "", "status", "-o", "json")
	if code != 0 || stdout != `{"releases":[]}`+"\n" {
		t.Errorf("%d, %s", code, stdout)
	}
	forbid(api, "/namespaces/shpo")
	code, _, stderr := run(t.Context(), t, "", "status", "-n", "shpo")
	if code != 0 || !strings.Contains(stderr, "there are no releases in namespace shpo (context prod); whether this namespace exists is unknown, because you may not read it;") {
		t.Errorf("%d, %s", code, stderr)
	}
}

// TestNoKubeconfig: whoever has not logged in learns what to do.
func TestNoKubeconfig(t *testing.T) {
	const none = "no/kubeconfig"
	t.Setenv("KUBECONFIG", none)
	for _, args := range []string{"status", "status shop", "reject shop", "hold shop", "report shop", "doctor", "traffic --live", "approve shop gate"} {
		code, _, stderr := run(t.Context(), t, "", strings.Fields(args)...)
		if code != exitOutside || strings.Contains(stderr, "KUBERNETES_MASTER") || !strings.Contains(stderr, "the variable KUBECONFIG names "+none) || !strings.Contains(stderr, "log in to the cluster first") {
			t.Errorf("canarize %s: %d, %s", args, code, stderr)
		}
	}
}
