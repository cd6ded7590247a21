package live

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"testing"
)

// TestNoAnswer: the reason why a pod cannot be asked has no pod, no address and no line
// break, and is said once.
func TestNoAnswer(t *testing.T) {
	pod := podID{"emissary", "emissary-1", "u"}
	refused := fmt.Errorf("Pod emissary/emissary-1: %w", &url.Error{Op: "Get", URL: "http://localhost:8001/config_dump", Err: errors.New("Pod emissary/emissary-1:8001: nobody listens on port 8001")})
	status := errors.New("Pod emissary/emissary-1: port 8877: 404 Not Found")
	for _, tt := range []struct {
		err  error
		want string
	}{
		{refused, "no answer (nobody listens on port 8001)"},
		{errors.Join(refused, status), "no answer (nobody listens on port 8001; port 8877: 404 Not Found)"},
		{errors.Join(refused, refused), "no answer (nobody listens on port 8001)"},
		{tunnelError{errors.New("Pod emissary/emissary-1 no longer exists")}, "no answer (no longer exists)"},
		{&url.Error{Op: "Get", URL: "http://localhost:8001/x", Err: io.EOF}, "no answer (EOF)"},
		{errors.New("Pod emissary/emissary-10: port 8001: 503"), "no answer (Pod emissary/emissary-10: port 8001: 503)"},
	} {
		if got := noAnswer(pod, tt.err); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.err, got, tt.want)
		}
	}
}
