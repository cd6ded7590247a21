package runner

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/rollout"
)

// edited changes the stored record of a release, as anybody can who may write ConfigMaps.
func (w *world) edited(t *testing.T, change func(*rollout.State, *rollout.Plan)) {
	t.Helper()
	record := w.records["eu/shop"]
	s, err := rollout.ParseState(record.State)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := rollout.Unpack(record.Plan)
	if err != nil {
		t.Fatal(err)
	}
	change(&s, &plan)
	if record.State, err = json.Marshal(s); err != nil {
		t.Fatal(err)
	}
	if record.Plan, err = plan.Pack(); err != nil {
		t.Fatal(err)
	}
	w.version++
	record.Version = "edited"
	w.records["eu/shop"] = record
}

// TestReplacedPlan checks that a plan that was never a canary is not promoted, whoever
// wrote the record.
func TestReplacedPlan(t *testing.T) {
	evil := func(_ *rollout.State, p *rollout.Plan) { *p = *release("shop:evil") }
	t.Run("promote", func(t *testing.T) {
		w := newWorld()
		w.must(t, deploy("shop:2"), shift(50))
		w.edited(t, evil)
		if _, err := w.do(t.Context(), promote()); !errors.Is(err, ErrNotConfirmed) {
			t.Fatalf("%v", err)
		}
		w.expect(t, "shop:1", 50)
	})
	t.Run("run", bubble(func(t *testing.T) {
		w := newWorld()
		w.must(t, deploy("shop:2"), shift(50))
		w.edited(t, evil)
		if _, err := w.run(t.Context(), followed(healthy())); !errors.Is(err, ErrNotConfirmed) {
			t.Fatalf("%v", err)
		}
		w.expect(t, "shop:1", 50)
	}))
	t.Run("reject", func(t *testing.T) {
		w := newWorld()
		w.must(t, deploy("shop:2"), shift(50))
		w.edited(t, func(s *rollout.State, p *rollout.Plan) {
			p.Workloads, p.Routes = nil, []rollout.Route{{Pair: rollout.Pair{Stable: canaryMapping, Canary: stableMapping}}}
		})
		w.must(t, reject())
		w.expect(t, "shop:1", -1)
		if weight := field(w.objects[stableMapping], "spec", "weight"); weight != nil {
			t.Errorf("the stable Mapping has weight %v", weight)
		}
	})
}

// TestMoreObjects checks that only objects with the release's label and in its namespace
// are deleted, whatever the record lists.
func TestMoreObjects(t *testing.T) {
	w := newWorld()
	other := decoded("v1", "Service", "ledger", values{})
	other["metadata"] = values{"namespace": "us", "name": "ledger", "labels": values{rollout.ReleaseLabel: "shop"}}
	w.objects[object.ID(other)] = other
	w.must(t, deploy("shop:2"), shift(50))
	w.edited(t, func(s *rollout.State, _ *rollout.Plan) {
		s.Objects = append(s.Objects, stablePods, stableMapping, object.ID(other), manifest.ID{})
	})
	w.must(t, reject())
	w.expect(t, "shop:1", -1)
	for _, id := range []manifest.ID{stablePods, stableMapping, object.ID(other)} {
		if w.objects[id] == nil {
			t.Errorf("%s was deleted", id)
		}
	}
}

// TestForgedPhase checks that a record that says that stable is the new version is
// believed only if stable is.
func TestForgedPhase(t *testing.T) {
	for _, phase := range []rollout.Phase{rollout.Retiring, rollout.Promoted, rollout.Rejected, rollout.None} {
		for _, a := range []ask{promote(), reject()} {
			t.Run(string(phase)+" "+string(a.request.Verb), func(t *testing.T) {
				w := newWorld()
				w.must(t, deploy("shop:2"), shift(50))
				w.edited(t, func(s *rollout.State, _ *rollout.Plan) { s.Phase = phase })
				s, err := w.do(t.Context(), a)
				if a.request.Verb == rollout.Reject && number(field(w.objects[canaryMapping], "spec", "weight")) != 0 {
					t.Errorf("reject leaves a weight of %v: %v", field(w.objects[canaryMapping], "spec", "weight"), err)
				}
				if err == nil && phase != rollout.Promoted && s.Phase == rollout.Promoted {
					t.Errorf("it says promoted, and stable is %v", field(w.objects[stablePods], "spec", "template", "image"))
				}
				if got := field(w.objects[stablePods], "spec", "template", "image"); got != "shop:1" {
					t.Errorf("stable is %v", got)
				}
			})
		}
	}
}

// TestRejectWithoutRecord checks that reject takes the traffic off without a readable
// record and reports what it could not read.
func TestRejectWithoutRecord(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Record)
		says   string
	}{
		"missing":        {nil, "no record exists for this canary"},
		"empty":          {func(r *Record) { r.State = nil }, "the stored state is damaged"},
		"malformed":      {func(r *Record) { r.State = []byte("{") }, "the stored state is damaged"},
		"another schema": {func(r *Record) { r.State = []byte(`{"schema":99}`) }, "version 99"},
		"a damaged plan": {func(r *Record) { r.Plan = []byte("no") }, "the stored plan is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.must(t, deploy("shop:2"), shift(50))
			record := w.records["eu/shop"]
			delete(w.records, "eu/shop")
			if tt.change != nil {
				tt.change(&record)
				w.records["eu/shop"] = record
			}
			_, err := w.do(t.Context(), reject())
			if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "the canary gets no traffic: the weight of Mapping eu/shop-canary is 0") {
				t.Errorf("%v", err)
			}
			w.expect(t, "shop:1", 0)
		})
	}
	w := newWorld()
	if _, err := w.do(t.Context(), reject()); !errors.As(err, new(RefusedError)) {
		t.Errorf("without a canary: %v", err)
	}
	if _, err := w.do(t.Context(), ask{rollout.Request{Verb: rollout.Reject, IfActive: true}, nil}); err != nil {
		t.Errorf("without a canary, if active: %v", err)
	}
}

// TestRecordOfAnEarlierVersion continues a release whose canary was deployed by an
// earlier canarize and carries no digest of the plan. It is accepted if its pods run the
// images of the plan.
func TestRecordOfAnEarlierVersion(t *testing.T) {
	w := newWorld()
	w.must(t, deploy("shop:2"), shift(50))
	w.set(canaryPods, values{}, "metadata", "annotations")
	w.must(t, promote())
	w.expect(t, "shop:2", -1)
}

// FuzzRecord runs every verb with any record. None panics, none changes stable, and after
// a rejection the canary has no traffic.
func FuzzRecord(f *testing.F) {
	w := newWorld()
	for _, a := range []ask{deploy("shop:2"), shift(50)} {
		if _, err := w.do(f.Context(), a); err != nil {
			f.Fatal(err)
		}
	}
	record := w.records["eu/shop"]
	state := string(record.State)
	f.Add(record.State, unzipped(f, record.Plan))
	for _, phase := range []string{"shifting", "promoting", "retiring", "rejecting", "promoted", "odd", ""} {
		f.Add([]byte(strings.Replace(state, "standing", phase, 1)), unzipped(f, record.Plan))
	}
	f.Add([]byte(`{"schema":1,"phase":"standing"}`), []byte(`{}`))
	f.Add([]byte(`{"schema":1,"phase":"standing","weight":-5,"verified":7000,"step":-1}`), []byte(`{"canary":[null],"stable":[{}],"workloads":[{}],"routes":[{}],"configs":[{}]}`))
	f.Fuzz(func(t *testing.T, state, plan []byte) {
		for _, verb := range []func(*world) error{
			func(w *world) error { _, err := w.do(t.Context(), shift(60)); return err },
			func(w *world) error { _, err := w.do(t.Context(), promote()); return err },
			func(w *world) error {
				_, err := w.runner().EditStatements(t.Context(), shop, "", func(_ rollout.State, said *rollout.Statements) error {
					said.Hold = &rollout.Statement{Text: "wait"}
					return nil
				})
				return err
			},
			func(w *world) error {
				_, err := w.runner().Analyze(t.Context(), shop, rollout.Run{}, Course{Watch: func(context.Context, rollout.Plan, rollout.State) (Watcher, error) {
					return quiet{}, nil
				}}, 0)
				return err
			},
			func(w *world) error { _, err := w.do(t.Context(), reject()); return err },
		} {
			w := newWorld()
			w.must(t, deploy("shop:2"), shift(50))
			w.records["eu/shop"] = Record{Version: "edited", State: state, Plan: zipped(t, plan)}
			err := verb(w)
			if got := field(w.objects[stablePods], "spec", "template", "image"); got != "shop:1" && got != "shop:2" {
				t.Errorf("stable is %v: %v", got, err)
			}
		}
		w := newWorld()
		w.must(t, deploy("shop:2"), shift(50))
		w.records["eu/shop"] = Record{Version: "edited", State: state, Plan: zipped(t, plan)}
		_, err := w.do(t.Context(), reject())
		if weight := number(field(w.objects[canaryMapping], "spec", "weight")); weight != 0 {
			t.Errorf("after reject the weight is %d: %v", weight, err)
		}
	})
}

// quiet is a Watcher that finds every canary healthy and sees no catastrophe.
type quiet struct{}

func (quiet) Look(_ context.Context, weight int) (rollout.Judged, error) {
	j := says(analysis.Promote, weight, "healthy")
	j.Weight, j.Own = weight, 1
	return j, nil
}
func (quiet) Mended()             {}
func (quiet) Approve(string) bool { return false }

func (quiet) Guard(context.Context) (rollout.Judged, bool) { return rollout.Judged{}, false }

func zipped(t testing.TB, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write(text)
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func unzipped(t testing.TB, packed []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := out.ReadFrom(z); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
