package dashboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/canarize/canarize/internal/demo"
	"github.com/canarize/canarize/internal/hub"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/kube/kubetest"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/page"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/rollout/rollouttest"
	"github.com/canarize/canarize/internal/runner"
	"github.com/canarize/canarize/internal/survey"
)

// worlds is how many random releases are tried.
const worlds = 100

func statusOf(r survey.Recorded) report.Status {
	s := report.StatusOf(r.Namespace, r.Name, r.State)
	s.Worker = r.Worker
	if r.Err != nil {
		s.Error = r.Err.Error()
	}
	return s
}

// TestStates: whatever state a release reaches, the page has its numbers, in its order, and
// contradicts nothing.
func TestStates(t *testing.T) {
	t.Parallel()
	for seed := range uint64(worlds) {
		w := rollouttest.New(seed)
		for range 40 {
			w.Step()
			is := survey.Recorded{Release: runner.Release{Namespace: "shop", Name: "web"}, State: w.State, Version: "1"}
			if w.State.Phase != rollout.None {
				is.Worker = &report.Worker{Holder: "somebody", Renewed: w.Now, Alive: w.Truth.Working}
			}
			s := statusOf(is)
			v := viewOf(s, is, nil, "test")
			f, row := v.frameAt(w.Now), rowOf(is.Release, s)
			text, err := json.Marshal([]any{v.about, f, v.past, row})
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			over := s.Phase == rollout.Promoted || s.Phase == rollout.Rejected
			switch {
			case (f.End != nil) != over:
				t.Errorf("seed %d: phase %s, end %+v", seed, s.Phase, f.End)
			case over != (row.Rank == page.Over) && s.Phase != rollout.None:
				t.Errorf("seed %d: phase %s, rank %d", seed, s.Phase, row.Rank)
			case f.Weight != float64(w.State.Weight) || row.Weight != f.Weight || f.Others[0].Weight != f.Weight:
				t.Errorf("seed %d: %g %% and %g %%, not %d %%", seed, f.Weight, row.Weight, w.State.Weight)
			case f.Hurt.Failed != f.Canary.Failed || float64(f.Canary.Failed) != f.Others[0].Failed || f.Canary.Failed > f.Canary.Requests:
				t.Errorf("seed %d: %+v, %+v, %+v", seed, f.Hurt, f.Canary, f.Others[0])
			case (f.Hurt.Failed > 0) != (f.Hurt.Since >= 0) && w.State.Judged != nil && len(w.State.Judged.Before) == 0:
				t.Errorf("seed %d: %+v", seed, f.Hurt)
			case len(v.past.Points) > 0 && len(v.past.Points[0].Failed) != len(f.Others):
				t.Errorf("seed %d: %d lines, %d rows", seed, len(v.past.Points[0].Failed), len(f.Others))
			}
			if cost := w.State.Judged.Cost(); cost != nil && over && int64(f.Hurt.Failed) != cost.Bad {
				t.Errorf("seed %d: %d failed, not %d", seed, f.Hurt.Failed, cost.Bad)
			}
			last := math.Inf(-1)
			for _, p := range v.past.Points {
				if p.At < last || p.Harm < 1 || p.Health < 1 {
					t.Errorf("seed %d: %+v after %g s", seed, p, last)
				}
				last = p.At
			}
			if strings.Contains(string(text), `..`) && !strings.Contains(s.Sentence(), "..") {
				t.Errorf("seed %d: two full stops: %s", seed, text)
			}
		}
	}
}

// TestVerbs: the verbs fit the state, name their command, and every deed of a button says
// something that ParseStatements reads again.
func TestVerbs(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for seed := range uint64(worlds) {
		w := rollouttest.New(seed)
		for range 40 {
			w.Step()
			s := report.StatusOf("shop", "web", w.State)
			s.Worker = &report.Worker{Alive: w.Truth.Working}
			for _, d := range verbs(s) {
				if d.Confirm == "" || d.Label == "" || !strings.HasPrefix(d.Stands, "canarize ") || !strings.HasSuffix(d.Stands, " -n shop") {
					t.Errorf("%+v", d)
				}
				switch possible := d.Off == ""; d.ID {
				case hold:
					used[d.ID] = used[d.ID] || possible
					if possible != (s.Paused == nil) {
						t.Errorf("%+v", d)
					}
				case resume:
					used[d.ID] = used[d.ID] || possible
					if possible != (s.Paused != nil) {
						t.Errorf("%+v", d)
					}
				case reject:
					used[d.ID] = used[d.ID] || possible
					if possible != w.Truth.Working {
						t.Errorf("%+v", d)
					}
				default:
					gate, is := strings.CutPrefix(d.ID, approve)
					if !is || gate == "" || d.Off != "" {
						t.Errorf("%+v", d)
					}
					used[approve] = true
				}
				said := rollout.Statements{Hold: s.Paused}
				if err := say(&said, page.Act{Deed: d.ID, Why: "because"}, "ann", w.Now); err != nil {
					t.Error(err)
				}
				read := rollout.ParseStatements(said.Annotations(w.State.Started), w.State.Started)
				if d.Off == "" && read.Hold == nil && read.Resumed == nil && read.Rejected == nil && len(read.Approved) == 0 {
					t.Errorf("%s says nothing", d.ID)
				}
			}
		}
	}
	if len(used) != 4 {
		t.Errorf("only %v", used)
	}
	if say(&rollout.Statements{}, page.Act{Deed: "promote"}, "", time.Time{}) == nil {
		t.Error("the dashboard promotes")
	}
}

// watching starts a release of the demo and a dashboard of its cluster.
func watching(t *testing.T, scenario, name string) (*demo.Session, *Dashboard) {
	t.Helper()
	s, known := demo.FindScenario(scenario)
	if !known {
		t.Fatal(scenario)
	}
	deployed := make(chan struct{})
	session, err := demo.Start(t.Context(), demo.Options{Scenario: s, Run: rollout.Run{Holder: "the pipeline"}, Emit: func(e rollout.Event) {
		if e.Phase == rollout.Standing && e.Weight > 0 {
			select {
			case deployed <- struct{}{}:
			default:
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(session.Close)
	<-deployed
	h, err := session.Join()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	d, err := Start(t.Context(), Options{Hub: h.Hub, Namespace: demo.Release().Namespace, Name: name, Host: "the test", Status: statusOf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return session, d
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for n := 0; !is(); n++ {
		if n == 3000 {
			t.Fatal(what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestReject: a person holds and rejects a release on the dashboard, and its process obeys.
func TestReject(t *testing.T) {
	t.Parallel()
	session, d := watching(t, "good", "")
	id := demo.Release().String()
	if list := d.list.Load(); len(list.Rows) != 1 || list.Rows[0].ID != id || list.Rows[0].Rank != page.OnTheWay {
		t.Errorf("%+v", list)
	}
	r := d.find(id)
	if r == nil || d.find("") != nil || d.find("shop/other") != nil {
		t.Fatal("the list and its releases differ")
	}
	eventually(t, "no rights", func() bool { return len(r.About().Groups) == 1 })
	about := r.About()
	if about.Seen == "" || len(about.Facts) == 0 {
		t.Errorf("%+v", about)
	}
	if err := r.Do(t.Context(), page.Act{Deed: hold, Seen: "yesterday"}); err == nil || !strings.Contains(err.Error(), "another release") {
		t.Errorf("another release: %v", err)
	}
	if err := r.Do(t.Context(), page.Act{Deed: hold, Seen: about.Seen, Why: "the database moves"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nobody holds", func() bool { return strings.Contains(r.About().Story, "the database moves") })
	if row := d.list.Load().Rows[0]; row.Rank != page.Needy || row.Tone != page.Wait {
		t.Errorf("%+v", row)
	}
	if err := r.Do(t.Context(), page.Act{Deed: reject, Seen: about.Seen}); err != nil {
		t.Fatal(err)
	}
	<-session.Done()
	result, err := session.Result()
	if err != nil || result.Phase != rollout.Rejected || result.State.Reason.By != rollout.ByPerson {
		t.Errorf("%v %+v", err, result)
	}
	eventually(t, "it is not over", func() bool { return r.Frame().End != nil })
	f, cost := r.Frame(), result.State.Judged.Cost()
	if cost != nil && (int64(f.Canary.Requests) < cost.Requests || int64(f.Hurt.Failed) != cost.Bad) || f.Weight != 0 || !f.Report || f.Tone != page.Bad {
		t.Errorf("%+v is not %+v", f, cost)
	}
	if groups := r.About().Groups; len(groups) != 0 {
		t.Errorf("%+v", groups)
	}
	if earlier := r.About().Earlier; len(earlier) != 1 || earlier[0].Ending != "rejected" || earlier[0].By != "person" {
		t.Errorf("%+v", earlier)
	}
	if !strings.Contains(string(r.Report()), "Rejected: shop:1 → shop:2") {
		t.Error("no report")
	}
}

// TestOnly: a dashboard of one release shows it before it has a record, and what the process
// says that is not recorded.
func TestOnly(t *testing.T) {
	t.Parallel()
	_, d := watching(t, "good", "other")
	r := d.find("")
	if r == nil || d.find("shop/other") != nil {
		t.Fatal("there is a list")
	}
	if f := r.Frame(); f.End != nil || f.Report || f.Headline != "There is no release yet" || r.Report() != nil || len(r.About().Facts) != 0 {
		t.Errorf("%+v", f)
	}
	d.Tell(rollout.Event{Kind: rollout.EventProgress, Text: "waiting for pods"})
	d.Tell(rollout.Event{Kind: rollout.EventPhase, Text: "recorded"})
	if lines := r.Past().Lines; len(lines) != 1 || lines[0].Text != "waiting for pods" {
		t.Errorf("%+v", lines)
	}
	for n := range 100_000 {
		d.Tell(rollout.Event{Kind: rollout.EventProgress, Text: fmt.Sprint("event ", n)})
	}
	if shown := r.Past().Lines; len(shown) != lines || shown[lines-1].Text != "event 99999" {
		t.Errorf("%d lines, the last is %+v", len(shown), shown[len(shown)-1])
	}
}

// TestOutage: a dashboard outlives an API server that does not answer for longer than a call
// is retried, and says so until it answers again.
func TestOutage(t *testing.T) {
	t.Parallel()
	api := kubetest.New()
	var back atomic.Bool
	var asked atomic.Int64
	api.Intercept(func(r *http.Request) (*http.Response, error) {
		if back.Load() || !r.URL.Query().Has("watch") {
			return nil, nil
		}
		asked.Add(1)
		return nil, fmt.Errorf("%w by https://ann:secret@proxy", syscall.ECONNREFUSED)
	})
	backoff := func(int, time.Duration) time.Duration { return 10 * time.Millisecond }
	cluster, err := kube.New(&rest.Config{Host: "http://fake:6443", Transport: api}, kube.Options{Attempts: 2, Backoff: backoff})
	if err != nil {
		t.Fatal(err)
	}
	d, err := Start(t.Context(), Options{Hub: hub.New(hub.Options{Cluster: cluster}), Namespace: "shop", Status: statusOf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	eventually(t, "the page does not say that it is old", func() bool { return d.old() != "" })
	if text := d.old(); asked.Load() < 10 || !strings.Contains(text, "connection refused") || strings.Contains(text, "secret") {
		t.Errorf("after %d calls: %s", asked.Load(), text)
	}
	back.Store(true)
	eventually(t, "the page is old for ever", func() bool { return d.old() == "" })
	select {
	case <-d.Done():
		t.Error(d.Err())
	default:
	}
}

// TestNoLongerAllowed: a page that outlives its permissions, as that of a run may, says so.
func TestNoLongerAllowed(t *testing.T) {
	t.Parallel()
	api := kubetest.New()
	api.Intercept(func(r *http.Request) (*http.Response, error) {
		if !r.URL.Query().Has("watch") {
			return nil, nil
		}
		refused := kubetest.Text(`{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403, "reason": "Forbidden", "message": "ann may not watch"}`)
		refused.StatusCode = http.StatusForbidden
		refused.Header = http.Header{"Content-Type": {"application/json"}}
		return refused, nil
	})
	cluster, err := kube.New(&rest.Config{Host: "http://fake:6443", Transport: api}, kube.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := Start(t.Context(), Options{Hub: hub.New(hub.Options{Cluster: cluster}), Namespace: "shop", Status: statusOf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	if err := d.Err(); err == nil {
		t.Error("it goes on")
	}
	if text := d.old(); !strings.Contains(text, "no longer watched") || !strings.Contains(text, "ann may not watch") {
		t.Error(text)
	}
	d.Close()
	if text := d.old(); text != "" {
		t.Errorf("closed: %s", text)
	}
}

// TestTold: what this process has judged is shown before the record has it, each look once.
func TestTold(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	judged := func(second int) *rollout.Judged {
		look := rollout.Look{Time: began.Add(time.Duration(second) * time.Second), Weight: 5, Metrics: []rollout.Metric{{
			Name: "errors", Harm: 1, Canary: rollout.Count{Bad: int64(second), Total: int64(10 * second)}, Stable: rollout.Count{Total: 100},
		}}}
		return &rollout.Judged{Look: look, Reject: 100, Promote: 20}
	}
	id := runner.Release{Namespace: "shop", Name: "web"}
	d := &Dashboard{options: Options{Namespace: id.Namespace, Name: id.Name, Status: statusOf}, releases: map[runner.Release]*release{}}
	r := d.release(id)
	r.set(survey.Recorded{Release: id, Version: "1", State: rollout.State{Phase: rollout.Standing, Weight: 5, Verified: 5, Started: began}})
	expect := func(bad int, looks ...float64) {
		t.Helper()
		var at []float64
		for _, p := range r.Past().Points {
			at = append(at, p.At)
		}
		if got := r.Frame().Hurt.Failed; got != bad || !slices.Equal(at, looks) {
			t.Errorf("%d bad, looks at %v; not %d, %v", got, at, bad, looks)
		}
	}
	for second := 1; second <= 3; second++ {
		d.Tell(rollout.Event{Kind: rollout.EventProgress, Judged: judged(second)})
	}
	expect(3, 1, 2, 3)
	stored := judged(2)
	stored.Before = []rollout.Look{judged(1).Look}
	state := rollout.State{Phase: rollout.Standing, Weight: 5, Verified: 5, Started: began, Judged: stored}
	r.set(survey.Recorded{Release: id, Version: "2", State: state})
	expect(3, 1, 2, 3)
	d.Tell(rollout.Event{Kind: rollout.EventProgress, Judged: judged(4)})
	expect(4, 1, 2, 3, 4)
	if n := len(r.judged.Before); n != 1 {
		t.Errorf("%d looks are kept that the record has", n)
	}
	state.Phase, state.Weight = rollout.Rejected, 0
	r.set(survey.Recorded{Release: id, Version: "3", State: state})
	expect(2, 1, 2)
}

// TestUnreadable: of a record that cannot be read the page says why, and shows no number as
// if it were known.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	is := survey.Recorded{Release: runner.Release{Namespace: "shop", Name: "web"}, Version: "1", Err: errors.New("the stored state is damaged")}
	s := statusOf(is)
	s.Namespace, s.Release = "shop", "web"
	v := viewOf(s, is, nil, "test")
	if f := v.frame; !f.Unknown || f.Report || f.End != nil || f.Tone != page.Bad || !strings.Contains(v.about.Story, "is damaged") {
		t.Errorf("%+v %+v", v.about, f)
	}
	if row := rowOf(is.Release, s); row.Rank != page.Needy || row.State != "unknown" {
		t.Errorf("%+v", row)
	}
}

// TestRights: without the permission to change the workload there are no buttons, and the
// page says why.
func TestRights(t *testing.T) {
	t.Parallel()
	s := report.Status{Namespace: "shop", Release: "web", Phase: rollout.Standing}
	d := &Dashboard{ctx: t.Context()}
	r := &release{dashboard: d, id: runner.Release{Namespace: "shop", Name: "web"}}
	if groups, why := r.deeds(s); len(groups) != 0 || why != "" {
		t.Errorf("without a workload: %v %q", groups, why)
	}
	s.Objects = append(s.Objects, manifest.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web-canary"})
	for _, c := range []struct {
		rights rights
		want   string
	}{
		{rights{}, "Asking the cluster"},
		{rights{known: true, err: errors.New("it sleeps")}, "it sleeps"},
		{rights{known: true, user: "ann"}, "ann may not say anything"},
		{rights{known: true}, "Your user may not"},
	} {
		r.rights = c.rights
		r.rights.asked = now()
		if groups, why := r.deeds(s); len(groups) != 0 || !strings.Contains(why, c.want) {
			t.Errorf("%+v: %v %q", c.rights, groups, why)
		}
	}
	r.rights = rights{asked: now(), known: true, allowed: true, user: "ann"}
	if groups, why := r.deeds(s); len(groups) != 1 || why != "You are ann." {
		t.Errorf("%v %q", groups, why)
	}
}
