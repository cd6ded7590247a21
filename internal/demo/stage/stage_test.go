package stage

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/canarize/canarize/internal/demo"
	"github.com/canarize/canarize/internal/page"
	"github.com/canarize/canarize/internal/rollout"
)

// TestStage: a demo that a visitor breaks ends with the numbers of the engine, a sentence and
// a report on the page.
func TestStage(t *testing.T) {
	good, _ := demo.FindScenario("good")
	exposed := make(chan struct{})
	expose := sync.OnceFunc(func() { close(exposed) })
	s, err := Start(t.Context(), demo.Options{Scenario: good, Run: rollout.Run{Holder: "test"}, Emit: func(e rollout.Event) {
		if e.Phase == rollout.Standing && e.Weight > 0 {
			expose()
		}
	}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if f := s.frame(); f.End != nil || len(f.Others) != 3 || !f.Others[0].Own {
		t.Errorf("in the beginning: %+v", f)
	}
	<-exposed
	do(t, s, demo.BreakAll, http.StatusNoContent)
	<-s.Done()
	result, err := s.Result()
	if err != nil {
		t.Fatal(err)
	}
	f := s.frame()
	seen := result.Seen
	if f.Stable.Requests != seen.Stable.Requests || f.Canary.Requests != seen.Canary.Requests || f.Canary.Failed != seen.Canary.Failed || f.Hurt.Failed != seen.Canary.Failed || f.Seconds != result.Took {
		t.Errorf("%+v is not %+v", f, seen)
	}
	if f.Hurt.Since != result.Exposed || f.Weight != 0 || f.Tone != page.Bad || f.Others[0].State != "rejected" {
		t.Errorf("%+v", f)
	}
	if f.End == nil || !strings.HasPrefix(f.End.Sentence, "The judge rejected shop:1 → shop:2 ") || !f.Report || len(f.End.Next) != 3 {
		t.Fatalf("%+v\n%+v\n%+v", f.End, seen, s.history().Lines)
	}
	if text := s.report(); !bytes.Contains(text, []byte("Rejected: shop:1 → shop:2")) {
		t.Errorf("%s", text)
	}
	do(t, s, demo.Mend, http.StatusConflict)
	s.watching.Wait()
	past := s.history()
	if n := len(past.Points); n == 0 || len(past.Points[n-1].Failed) != 3 || past.Points[n-1].Harm < 1 {
		t.Errorf("%+v", past.Points)
	}
	told := false
	for _, line := range past.Lines {
		told = told || line.Text == "you: "+stands[demo.BreakAll]
	}
	if !told {
		t.Errorf("%+v", past.Lines)
	}
}

func do(t *testing.T, s *Stage, d demo.Deed, want int) {
	t.Helper()
	token := strings.Split(s.URL, "/")[3]
	body, err := json.Marshal(map[string]string{"token": token, "deed": string(d)})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"do", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != want {
		t.Errorf("%s: %s %s", d, answer.Status, text)
	}
}

// TestButtons: every deed of the page says what it stands for, and each name is used once.
func TestButtons(t *testing.T) {
	for _, scenario := range demo.Scenarios() {
		seen := map[string]bool{}
		for _, g := range about(scenario, nil).Groups {
			for _, d := range g.Deeds {
				if d.Stands == "" || d.Label == "" || seen[d.ID] {
					t.Errorf("%+v", d)
				}
				seen[d.ID] = true
				if off := d.Off != ""; off != (d.ID == string(demo.Approve) && !scenario.Gate || d.ID == string(demo.Mend) && scenario.Crash) {
					t.Errorf("%s: %+v", scenario.Name, d)
				}
			}
		}
		if len(seen) != len(stands) {
			t.Errorf("%d buttons, %d deeds", len(seen), len(stands))
		}
	}
}

// TestPoints: a long demo keeps a bounded number of points, in order, the last one included.
func TestPoints(t *testing.T) {
	s := &Stage{every: 1}
	for second := range 20000 {
		s.note(demo.Frame{Seconds: float64(second)})
		if n := len(s.past.Points); n > points {
			t.Fatalf("%d points", n)
		}
	}
	s.note(demo.Frame{Seconds: 20000, Result: &demo.Result{Took: 20000}})
	all := s.past.Points
	if n := len(all); n < points/2 || all[0].At != 0 || all[n-1].At != 20000 {
		t.Errorf("%d points from %g to %g", n, all[0].At, all[n-1].At)
	}
	for i := 1; i < len(all); i++ {
		if all[i].At <= all[i-1].At {
			t.Errorf("%g after %g", all[i].At, all[i-1].At)
		}
	}
}
