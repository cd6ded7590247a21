//go:build integration

package integration

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/test/faults"
)

// testRunHistory marks an earlier release over and over while a run works, by an account
// that may do nothing else, and reads what is then known of both releases.
func testRunHistory(t *testing.T, s shop, u *users) {
	s.expect(t, 0, []string{"deploy", u.version(t, "v3"), "--unverified"})
	s.expect(t, 0, reject)
	s.apply(t, "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: marks}, rules: [{apiGroups: [''], resources: [configmaps], resourceNames: [canarize-shop], verbs: [get, update]}]}")
	s.apply(t, "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: marks}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: marks}, subjects: [{kind: ServiceAccount, name: auditor, namespace: "+s.namespace+"}]}")
	proxy := faults.Start(t, s.kubeconfig, nil)
	auditor := s
	user := "system:serviceaccount:" + s.namespace + ":auditor"
	auditor.kubeconfig = actingAs(t, proxy.Kubeconfig, user)

	cmd, heard := s.start(t, u.run(t, "v2", ""))
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	marks := 0
	for running := true; running; marks++ {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("the run ended with %v:\n%s", err, heard)
			}
			running = false
		default:
		}
		truth := []string{"right", "wrong"}[marks%2]
		if o := auditor.expect(t, 0, []string{"mark", "shop", truth, "--release", "1", "--why", "seen later"}); !strings.Contains(o.out, "number 1, rejected at ") {
			t.Error(o.out)
		}
	}
	least := math.MaxInt
	for range 3 { // a request that breaks off on a busy machine is sent again
		before := len(proxy.Requests())
		auditor.expect(t, 0, []string{"mark", "shop", "wrong", "--release", "1", "--why", "the test was wrong"})
		requests, _ := asked(proxy.Requests(), before)
		least = min(least, requests)
	}
	if t.Logf("%d marks during the run, a mark made %d requests", marks, least); marks < 3 || least > 4 {
		t.Errorf("%d marks, %d requests:\n%s", marks, least, lines(proxy.Requests()[max(0, len(proxy.Requests())-least):]))
	}
	s.check(t, "v2", -1)

	all := s.histories(t)
	if len(all) != 2 || all[0].Number != 2 || all[0].Ending != rollout.Promoted || all[0].By != rollout.ByJudge || all[0].Most != 50 || all[0].Cost == nil || all[0].Images[0].Before != "registry.example.com/shop:v1" {
		t.Errorf("%+v", all)
	}
	if m := all[1].Mark; all[1].Ending != rollout.Rejected || m == nil || m.Truth != rollout.Wrong || m.Why != "the test was wrong" || m.By != user {
		t.Errorf("%+v", all[1])
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"history", "shop"}, " request  0 %   -     wrong  shop:v3\n"},
		{[]string{"report", "shop", "--release", "1"}, "Later, somebody marked the release: the decision was wrong, said by system:serviceaccount:"},
		{[]string{"report", "shop", "--release", "1", "-o", "html"}, "Its measurements are no longer kept."},
		{[]string{"report", "shop"}, "release 2 · by "},
		{[]string{"report", "--all"}, "| rejected        |        1 |     0 |     1 | 100 % ("},
		{[]string{"report", "--all", "-o", "json"}, `"promoted":1,"rejected":1,`},
	} {
		if o := s.expect(t, 0, test.args); !strings.Contains(o.out, test.want) {
			t.Errorf("canarize %q: %q is not in\n%s", test.args, test.want, o.out)
		}
	}
	s.expect(t, 2, []string{"report", "shop", "--release", "3"}, "there is no release 3 yet; the present one is 2")
	s.expect(t, 2, []string{"mark", "other", "right"}, "there is no release other in namespace "+s.namespace)
}

// histories returns the releases that are over, as canarize history prints them.
func (s shop) histories(t *testing.T) []rollout.Past {
	t.Helper()
	var all report.Histories
	if err := json.Unmarshal([]byte(s.expect(t, 0, []string{"history", "shop", "-o", "json"}).out), &all); err != nil || len(all.Histories) != 1 {
		t.Fatalf("%d histories, error %v", len(all.Histories), err)
	}
	return all.Histories[0].Releases
}
