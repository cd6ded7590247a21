//go:build integration

package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/page"
	"github.com/canarize/canarize/internal/rollout"
)

// testRunDashboard follows a run on dashboards: an account that may only read sees it without
// a button, and one that may change Deployments rejects it. The record names that one.
func testRunDashboard(t *testing.T, s shop, u *users) {
	for name, rules := range map[string]string{
		"reader": "",
		"boss":   ", {apiGroups: [apps], resources: [deployments], verbs: [get, patch]}, {apiGroups: [''], resources: [configmaps], verbs: [update]}",
	} {
		s.apply(t, "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: "+name+"}, rules: [{apiGroups: ['', coordination.k8s.io], resources: [configmaps, leases], verbs: [get, list, watch]}"+rules+"]}")
		s.apply(t, "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: "+name+"}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: "+name+"}, subjects: [{kind: ServiceAccount, name: "+name+", namespace: "+s.namespace+"}]}")
	}
	account := func(name string) string { return "system:serviceaccount:" + s.namespace + ":" + name }
	cmd, heard := s.start(t, append(u.run(t, "v2", slowly), "--open"))
	heard.await(t, "waiting for gate sign-off")
	_, after, _ := strings.Cut(heard.String(), "the page is at ")
	own := dashboard{t, "", strings.Fields(after)[0]}
	reader, boss := s.dashboard(t, account("reader")), s.dashboard(t, account("boss"))

	reader.about(func(a page.About) bool {
		return strings.Contains(a.Rights, account("reader")+" may not say anything") && len(a.Groups) == 0
	})
	own.frame(func(f page.Frame) bool { return f.Canary.Requests > 0 })
	about := boss.about(func(a page.About) bool { return len(a.Groups) == 1 && strings.Contains(a.Story, "sign-off") })
	if about.Rights != "You are "+account("boss")+"." {
		t.Error(about.Rights)
	}
	for _, c := range []struct {
		who        dashboard
		deed, seen string
		want       int
	}{
		{reader, "reject", about.Seen, http.StatusConflict},
		{boss, "promote", about.Seen, http.StatusConflict},
		{boss, "reject", "2026-01-01T00:00:00Z", http.StatusConflict},
		{boss, "hold", about.Seen, http.StatusNoContent},
		{boss, "reject", about.Seen, http.StatusNoContent},
	} {
		if code, text := c.who.do(c.deed, c.seen, "not on a Friday"); code != c.want {
			t.Errorf("%s: %d %s", c.deed, code, text)
		}
	}
	s.ended(t, cmd, heard, 3)
	s.check(t, "v1", -1)
	state := s.state(t)
	if state.Reason == nil || state.Reason.By != rollout.ByPerson || !strings.Contains(state.Reason.Text, "not on a Friday ("+account("boss")+")") {
		t.Errorf("%+v", state.Reason)
	}
	f := boss.frame(func(f page.Frame) bool { return f.End != nil })
	if cost := state.Judged.Cost(); int64(f.Canary.Requests) != cost.Requests || !strings.Contains(f.End.Sentence, "not on a Friday") {
		t.Errorf("%+v is not %+v", f, cost)
	}
	s.apply(t, "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: "+s.namespace+"}, rules: [{apiGroups: [''], resources: [namespaces], verbs: [list]}]}")
	s.apply(t, "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: "+s.namespace+"}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "+s.namespace+"}, subjects: [{kind: ServiceAccount, name: reader, namespace: "+s.namespace+"}]}")
	everywhere := s.dashboard(t, account("reader"), "-A")
	everywhere.release = ""
	list := shows(everywhere, "list", func(l struct {
		Summary string
		Rows    []page.Row
	}) bool {
		return true
	})
	if len(list.Rows) != 1 || list.Rows[0].ID != s.namespace+"/shop" || !strings.Contains(list.Summary, "more namespaces are left out") {
		t.Errorf("%+v", list)
	}
	s.kubeconfig = actingAs(t, s.kubeconfig, account("nobody"))
	s.expect(t, 1, []string{"dashboard", "-A", "--no-browser"}, "not allowed to watch it", "canarize rbac prints the permissions")
}

// dashboard is a running dashboard.
type dashboard struct {
	t       *testing.T
	release string // Row.ID; "" if the page shows only one
	url     string
}

// dashboard starts one, as another user.
func (s shop) dashboard(t *testing.T, user string, more ...string) dashboard {
	t.Helper()
	s.kubeconfig = actingAs(t, s.kubeconfig, user)
	cmd := s.command(t.Context(), append([]string{"dashboard", "--no-browser"}, more...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return dashboard{t, s.namespace + "/shop", strings.TrimSpace(line)}
}

// shows returns the first event of a name that is as wanted.
func shows[T any](d dashboard, event string, wanted func(T) bool) (shown T) {
	d.t.Helper()
	address := d.url + "events"
	if d.release != "" {
		address += "?release=" + d.release
	}
	r, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	name := ""
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		if key == "event" {
			name = value
		}
		if key != "data" || name != event {
			continue
		}
		shown = *new(T)
		if err := json.Unmarshal([]byte(value), &shown); err != nil {
			d.t.Fatal(err)
		}
		if wanted(shown) {
			return shown
		}
	}
	d.t.Fatalf("the stream of %s ended: %v; the last %s was %+v", d.url, lines.Err(), event, shown)
	return shown
}

func (d dashboard) about(wanted func(page.About) bool) page.About { return shows(d, "about", wanted) }
func (d dashboard) frame(wanted func(page.Frame) bool) page.Frame { return shows(d, "frame", wanted) }

// do does a deed.
func (d dashboard) do(deed, seen, why string) (code int, text string) {
	d.t.Helper()
	token := strings.Split(d.url, "/")[3]
	body, err := json.Marshal(map[string]string{"token": token, "release": d.release, "deed": deed, "seen": seen, "why": why})
	if err != nil {
		d.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.url+"do", bytes.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return answer.StatusCode, string(read)
}
