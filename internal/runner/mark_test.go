package runner

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/canarize/canarize/internal/rollout"
)

// history returns the stored history.
func (w *world) history(t *testing.T) rollout.History {
	t.Helper()
	h, err := rollout.ParseHistory(w.records["eu/shop"].History)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestMarkDuringRun marks an earlier release after each write of a run in turn. The run
// goes on as if nothing had happened, and the mark stays.
func TestMarkDuringRun(t *testing.T) {
	marked := true
	for n := 1; marked; n++ {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			w.must(t, deploy("shop:3"), reject())
			marked = false
			first := len(w.writes)
			w.afterWrite = func(now int) {
				if marked || now-first != n {
					return
				}
				marked = true
				past, changed, err := w.runner().Mark(t.Context(), shop, 1, &rollout.Mark{Truth: rollout.Wrong, By: "ada", At: noon})
				if err != nil || !changed || past.Number != 1 || past.Mark == nil {
					t.Errorf("write %d: %+v: %v", n, past, err)
				}
			}
			s, err := w.run(t.Context(), followed(healthy()))
			if err != nil || s.Phase != rollout.Promoted {
				t.Fatalf("write %d: %s, %v", n, s.Phase, err)
			}
			w.expect(t, "shop:2", -1)
			all := w.history(t).Releases
			if len(all) != 2 || marked && all[0].Mark == nil || all[1].Ending != rollout.Promoted || all[1].Most != 50 {
				t.Errorf("write %d: %+v", n, all)
			}
		})
		if n > 8 && !marked {
			return
		}
	}
	t.Error("there were hardly any writes")
}

// racing is a store that somebody else writes to after the first read.
type racing struct {
	*world
	write func()
}

func (r *racing) Load(ctx context.Context, namespace, name string) (Record, error) {
	record, err := r.world.Load(ctx, namespace, name)
	if write := r.write; write != nil {
		r.write = nil
		write()
	}
	return record, err
}

// TestMarkBeforeDeploy marks a release between the moment at which a deployment reads the
// record and the one at which it writes its first state.
func TestMarkBeforeDeploy(t *testing.T) {
	for _, earlier := range [][]ask{{deploy("shop:3"), reject()}, {deploy("shop:4"), reject(), deploy("shop:3")}} {
		w := newWorld()
		w.must(t, earlier...)
		r := w.runner()
		r.Store = &racing{w, func() {
			if _, _, err := w.runner().Mark(t.Context(), shop, 1, &rollout.Mark{Truth: rollout.Wrong, At: noon}); err != nil {
				t.Error(err)
			}
		}}
		if s, err := r.Do(t.Context(), shop, deploy("shop:2").request, release("shop:2")); err != nil || s.Phase != rollout.Standing {
			t.Errorf("%s, %v", s.Phase, err)
		}
		if all := w.history(t).Releases; all[0].Mark == nil || len(all) != len(earlier)-1 {
			t.Errorf("%+v", all)
		}
	}
}

// forgetful is a store that loses the answer of one write. Before the caller hears that
// the record has changed, somebody marks an earlier release.
type forgetful struct {
	*world
	lost int // the number of the write
	n    int
}

func (f *forgetful) Save(ctx context.Context, namespace, name string, r Record) (string, error) {
	version, err := f.world.Save(ctx, namespace, name, r)
	if f.n++; f.n != f.lost || err != nil {
		return version, err
	}
	_, _, err = f.runner().Mark(ctx, shop, 1, &rollout.Mark{Truth: rollout.Right, At: noon})
	return "", errors.Join(ErrChanged, err)
}

// TestMarkAfterLostAnswer loses the answer of every write in turn.
func TestMarkAfterLostAnswer(t *testing.T) {
	for lost := 1; ; lost++ {
		store := forgetful{world: newWorld(), lost: lost}
		store.must(t, deploy("shop:3"), reject())
		synctest.Test(t, func(t *testing.T) {
			r := store.runner()
			r.Store = &store
			s, err := r.Run(t.Context(), shop, rollout.Run{}, release("shop:2"), followed(healthy()))
			if err != nil || s.Phase != rollout.Promoted {
				t.Fatalf("answer %d: %s, %v", lost, s.Phase, err)
			}
			if all := store.history(t).Releases; len(all) != 2 || store.n >= lost && all[0].Mark == nil {
				t.Errorf("answer %d: %+v", lost, all)
			}
		})
		if store.n < lost {
			break
		}
	}
}

func TestMarkIsRefused(t *testing.T) {
	w := newWorld()
	mark := func(number int) rollout.Code {
		t.Helper()
		_, changed, err := w.runner().Mark(t.Context(), shop, number, &rollout.Mark{Truth: rollout.Wrong, At: noon})
		var refused RefusedError
		if err == nil && changed {
			return ""
		}
		if !errors.As(err, &refused) || changed {
			t.Fatalf("changed %v, error %v", changed, err)
		}
		return refused.Code
	}
	if code := mark(0); code != rollout.RefusedNotOver {
		t.Errorf("without a record: %q", code)
	}
	w.must(t, deploy("shop:2"))
	before := w.records["eu/shop"].Version
	for _, number := range []int{0, 1, 2} {
		if code := mark(number); code != rollout.RefusedNotOver {
			t.Errorf("release %d of one that is not over: %q", number, code)
		}
	}
	w.must(t, reject())
	if code := mark(1); code != "" || before == w.records["eu/shop"].Version {
		t.Errorf("over: %q", code)
	}
	before = w.records["eu/shop"].Version
	if _, changed, err := w.runner().Mark(t.Context(), shop, 1, &rollout.Mark{Truth: rollout.Wrong, At: noon}); changed || err != nil || before != w.records["eu/shop"].Version {
		t.Errorf("the same mark again: changed %v, error %v", changed, err)
	}
	r := w.records["eu/shop"]
	r.History = []byte(`{"schema":2}`)
	w.records["eu/shop"] = r
	_, changed, err := w.runner().Mark(t.Context(), shop, 1, nil)
	var unreadable RecordError
	var why *rollout.Refusal
	if !errors.As(err, &unreadable) || !errors.As(err, &why) || why.Code != rollout.RefusedHistory || changed {
		t.Errorf("a history of another version: changed %v, error %v", changed, err)
	}
	w.must(t, deploy("shop:3"), reject())
	if text := string(w.records["eu/shop"].History); text != `{"schema":2}` {
		t.Errorf("it became %s", text)
	}
}

// TestRecordBeforeHistory begins a release after one that an earlier canarize recorded.
func TestRecordBeforeHistory(t *testing.T) {
	w := newWorld()
	w.must(t, deploy("shop:2"), reject())
	r := w.records["eu/shop"]
	r.History = nil
	w.records["eu/shop"] = r
	if past, _, err := w.runner().Mark(t.Context(), shop, 0, &rollout.Mark{Truth: rollout.Right, At: noon}); err != nil || past.Number != 1 || past.Mark == nil {
		t.Errorf("%+v, %v", past, err)
	}
	w.must(t, deploy("shop:3"), deploy("shop:2"))
	all := w.history(t).Releases
	if len(all) != 2 || all[0].Mark == nil || all[1].Ending != rollout.Superseded || all[1].Images[0].After != "shop:3" || all[1].Images[0].Before != "shop:1" {
		t.Errorf("%+v", all)
	}
	if s := w.state(t); s.Number != 3 {
		t.Errorf("number %d", s.Number)
	}
}
