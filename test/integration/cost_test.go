//go:build integration

package integration

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/canarize/canarize/test/faults"
)

// asked counts the requests from index from on, and separately the watches, which cost one
// request however long they last. It leaves out renewals of the lock, because their number
// depends on how long the test takes.
func asked(all []faults.Request, from int) (requests, watches int) {
	for _, r := range all[from:] {
		switch {
		case r.IsWatch():
			watches++
		case !strings.Contains(r.Path, "/leases/") || r.Method == http.MethodDelete:
			requests++
		}
	}
	return requests, watches
}

// testCost counts the requests of a release in five steps, each a process of its own.
func testCost(t *testing.T, s shop) {
	proxy := faults.Start(t, s.kubeconfig, nil)
	s.kubeconfig = proxy.Kubeconfig
	for _, args := range [][]string{s.deploy(t, "v2"), shift("1"), shift("5"), shift("20"), shift("50"), shift("100"), promote, {"status"}} {
		before := len(proxy.Requests())
		s.expect(t, 0, args)
		requests, watches := asked(proxy.Requests(), before)
		t.Logf("%s: %d requests and %d watches", args[0], requests, watches)
		if most := map[string]int{"deploy": 25, "shift": 16, "promote": 32, "status": 3}[args[0]]; requests > most {
			t.Errorf("%s made %d requests, expected at most %d", args[0], requests, most)
		}
	}
}

// testRunCost counts the requests of a run of five steps; see docs/measured.md.
func testRunCost(t *testing.T, s shop, u *users) {
	const most, mostWithoutSecret = 62, 54 // two of them list the pods whose restarts are watched
	proxy := faults.Start(t, s.kubeconfig, nil)
	s.kubeconfig = proxy.Kubeconfig
	args := u.run(t, "v2", "")
	file := args[len(args)-1]
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	five := strings.Replace(string(text), "steps: [", "steps: [{weight: 1, hold: 1s}, ", 1)
	five = strings.Replace(five, "{weight: 50, hold: 1s}", "{weight: 20, hold: 1s}, {weight: 50, hold: 1s}, {weight: 80, hold: 1s}", 1)
	if err := os.WriteFile(file, []byte(five), 0o600); err != nil {
		t.Fatal(err)
	}
	s.expect(t, 0, args, "should get 1 %", "should get 5 %", "should get 20 %", "should get 50 %", "should get 80 %", "promoted")
	requests, watches := asked(proxy.Requests(), 0)
	secret := 0
	for _, r := range proxy.Requests() {
		if strings.Contains(r.Path, "/secrets") {
			secret++
		}
	}
	t.Logf("%d requests, %d of them of the Secret, and %d watches", requests, secret, watches)
	if requests > most || requests-secret > mostWithoutSecret {
		t.Errorf("%d requests, %d of them of the Secret, expected at most %d and %d without it:\n%s", requests, secret, most, mostWithoutSecret, lines(proxy.Requests()))
	}
}

func lines(all []faults.Request) string {
	var b strings.Builder
	for _, r := range all {
		fmt.Fprintf(&b, "%v\n", r)
	}
	return b.String()
}
