package gate

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

func keeper() *Keeper {
	return New(Options{
		Release: "shop", Namespace: "eu", Environ: os.Environ,
		Wait: func(ctx context.Context, _ time.Duration) error { return context.Cause(ctx) },
	})
}

// TestMain also is the program that the gates of these tests run.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "gate" {
		switch os.Args[2] {
		case "agree":
			if os.Getenv("CANARIZE_RELEASE")+os.Getenv("CANARIZE_NAMESPACE")+os.Getenv("CANARIZE_GATE") != "shopeusmoke" {
				os.Exit(3)
			}
			os.Exit(0)
		case "refuse":
			os.Stdout.WriteString(strings.Repeat("chatter\n", 1000) + "two checks failed\n")
			os.Exit(2)
		}
		time.Sleep(time.Minute)
	}
	os.Exit(m.Run())
}

func program(word string) rollout.Gate {
	return rollout.Gate{Name: "smoke", Exec: []string{os.Args[0], "gate", word}}
}

func TestExec(t *testing.T) {
	if err := keeper().Ask(t.Context(), program("agree")); err != nil {
		t.Error(err)
	}
	err := keeper().Ask(t.Context(), program("refuse"))
	if err == nil || !strings.Contains(err.Error(), "exit status 2") || !strings.HasSuffix(err.Error(), "two checks failed") || len(err.Error()) > maxExcerpt+200 {
		t.Errorf("%v", err)
	}
	slow := program("sleep")
	slow.Timeout = 50 * time.Millisecond
	if err := keeper().Ask(t.Context(), slow); err == nil || !strings.Contains(err.Error(), "not agreed within 50ms") {
		t.Error(err)
	}
	if err := keeper().Ask(t.Context(), rollout.Gate{Name: "x", Exec: []string{"/no/such/program"}}); err == nil {
		t.Error("a missing program agrees")
	}
}

func TestHTTP(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch {
		case r.URL.Path == "/elsewhere":
			http.Redirect(w, r, "/yes", http.StatusFound)
		case r.URL.Path == "/no" || asked < 3:
			http.Error(w, "not yet", http.StatusConflict)
		}
	}))
	defer server.Close()
	if err := keeper().Ask(t.Context(), rollout.Gate{HTTP: server.URL + "/yes"}); err != nil || asked != 3 {
		t.Errorf("%v after %d answers", err, asked)
	}
	for path, want := range map[string]string{"/no": "409 Conflict: not yet", "/elsewhere": "302 Found"} {
		ctx, stop := context.WithCancelCause(t.Context())
		k := keeper()
		k.Wait = func(ctx context.Context, _ time.Duration) error {
			stop(errors.New("enough"))
			<-ctx.Done()
			return context.Cause(ctx)
		}
		err := k.Ask(ctx, rollout.Gate{HTTP: server.URL + path})
		if err == nil || !strings.HasPrefix(err.Error(), "enough: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
