// Package rollouttest draws releases at random, for tests of what is said about them. Every
// state is reached by rollout.Decide and rollout.Next, and every judgement comes from the
// judge, so that no sentence is tested with a state that cannot exist.
package rollouttest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
)

// World is a cluster with one release, a gateway, users, people and processes, all at random.
type World struct {
	*rand.Rand
	Spec  rollout.Spec
	State rollout.State
	Now   time.Time

	// Truth is what a reader of the State cannot know for sure, but must not be told wrong.
	Truth Truth

	course  rollout.Course
	heard   rollout.Heard
	pending []rollout.Action
	traffic traffic
	rare    int           // one of so many actions fails
	name    string        // of the workload and a metric
	proof   rollout.Proof // how a share can be verified here
	texts   int
}

// Truth is how things are.
type Truth struct {
	// Working means that a process works on the release. Run means that it is one that
	// follows the judge.
	Working, Run bool
	// Share is what the gateway gives the canary, in percent.
	Share int
	// Braked means that the canary's Services select the stable pods.
	Braked bool
	// Decider made the present version what it became; its Run is the process that asked.
	By    rollout.Decider
	Asked rollout.Run
	// Before is the weight in force or asked for when that was decided.
	Before int
	// Canary and Stable count all requests of the metric errors since the judge began.
	Canary, Stable rollout.Count
	Others         rollout.Count // of the canary's pods but the first, which may be a bad one
	Interval       int64         // requests of both in the last interval
	Restarts       int64         // of the canary
}

// New returns an empty World.
func New(seed uint64) *World {
	w := &World{Rand: rand.New(rand.NewPCG(seed, 1)), Now: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)}
	w.Spec.Limit, w.rare = Pick(w, 100, 100, 50), Pick(w, 6, 60, 60)
	w.proof = Pick(w, rollout.SeenOnGateways, rollout.SeenOnGateways, rollout.SeenOnGateways, rollout.ByModelAlone)
	return w
}

// Rename gives the workload and a metric another name than shop and slow.
func (w *World) Rename(name string) { w.name = name }

// Pick returns one of several values.
func Pick[T any](w *World, all ...T) T { return all[w.IntN(len(all))] }

// Maybe is true once in n times.
func (w *World) Maybe(n int) bool { return w.IntN(n) == 0 }

// Text returns a sentence of a person or a program that no other text equals. It makes no
// claim that canarize makes.
func (w *World) Text(about string) string {
	w.texts++
	return fmt.Sprintf("‹%s %d›", about, w.texts)
}

// Step lets something happen: a process goes on, somebody asks for something, or a process
// ends.
func (w *World) Step() {
	w.Now = w.Now.Add(time.Duration(1+w.IntN(90)) * time.Second)
	switch {
	case len(w.pending) > 0 && !w.Maybe(30):
		w.carryOut()
	case w.Truth.Working && w.Maybe(40), w.State.Phase == rollout.Promoting && w.Maybe(3):
		w.kill()
	case w.Truth.Working && w.Maybe(40):
		w.leave(rollout.Ended{Cause: Pick(w, rollout.Interrupted, rollout.Interrupted, rollout.LockLost, rollout.Broken), Keep: w.Maybe(4), Reason: w.Text("failure")})
	case w.Truth.Run && w.State.Phase.Active():
		w.follow()
	case !w.State.Phase.Active() || w.Maybe(2):
		w.startRun()
	default:
		w.ask()
	}
	if w.Maybe(8) {
		w.stored()
	}
}

// stored passes the State through its stored form, as the next process would read it.
func (w *World) stored() {
	if w.State.Phase == rollout.None {
		return
	}
	text, err := json.Marshal(w.State)
	if err != nil {
		panic(err)
	}
	if w.State, err = rollout.ParseState(text); err != nil {
		panic(err)
	}
}

func (w *World) run() rollout.Run {
	return rollout.Run{
		System: Pick(w, "", "Azure Pipelines", "GitHub Actions"), ID: fmt.Sprint(w.IntN(1000)), Attempt: Pick(w, "", "1", "2"),
		Holder: fmt.Sprintf("canarize on vm%d, process 7", w.IntN(9)), URL: Pick(w, "", "https://ci.example.com/7"),
	}
}

// startRun starts a run, of the same version or of another one.
func (w *World) startRun() {
	plan := w.State.Plan
	if plan == "" || !w.State.Phase.Active() || w.Maybe(5) {
		plan = strings.Repeat(fmt.Sprintf("%08x", w.Uint32()), 8)
	}
	w.course = rollout.Course{
		Run: w.run(), Plan: plan, First: 1, Override: w.Maybe(3), Unverified: w.Maybe(3), Keep: w.Maybe(6), Analyze: w.Maybe(8) && w.State.Phase == rollout.Standing,
	}
	if w.Maybe(3) {
		w.course.Gates = []rollout.Gate{{Name: "sign-off", Weight: Pick(w, 0, 5, 50), Manual: w.Maybe(2), HTTP: "https://gate.example.com"}}
	}
	w.heard = rollout.Heard{Answers: map[string]rollout.Answer{}, People: rollout.People{Status: rollout.Current}}
	w.Truth.Working, w.Truth.Run, w.pending = true, true, nil
	w.follow()
}

// follow does what the run does next.
func (w *World) follow() {
	for range 6 {
		d := rollout.Decide(w.Spec, w.course, w.State, w.heard)
		switch d.Do {
		case rollout.DoLook:
			w.look()
			return
		case rollout.DoRead:
			w.read()
		case rollout.DoAsk:
			w.heard.Answers[d.Gate.Name] = Pick(w, rollout.Answer{Pending: true}, rollout.Answer{By: "gate.example.com"}, rollout.Answer{Refusal: w.Text("refusal")})
		case rollout.DoApply:
			w.apply(w.prepared(d.Fact))
			return
		case rollout.DoEnd:
			if d.Unbegun {
				w.Truth.Working, w.Truth.Run = false, false
				return
			}
			why := ""
			if d.Why != nil {
				why = d.Why.Error()
			}
			w.leave(rollout.Ended{Cause: rollout.Done, Reason: why})
			return
		}
	}
}

// read hears what people say.
func (w *World) read() {
	w.heard.People = rollout.People{Status: rollout.Current}
	said := &w.heard.People.Statements
	switch w.IntN(40) {
	case 0:
		said.Hold = &rollout.Statement{Text: w.Text("hold"), By: Pick(w, "", "ada"), At: w.Now}
	case 1:
		said.Rejected = &rollout.Statement{Text: w.Text("rejection"), By: Pick(w, "", "ada"), At: w.Now, Keep: w.Maybe(2)}
	case 2, 3:
		said.Approve(rollout.Approval{Gate: "sign-off", By: Pick(w, "", "bob"), At: w.Now})
	case 4:
		w.heard.People.Status = rollout.Unreadable
	}
}

// prepared completes a fact with what it needs from the cluster.
func (w *World) prepared(fact rollout.Fact) rollout.Fact {
	switch f := fact.(type) {
	case rollout.Request:
		f.Untouched = w.State.Phase == rollout.Promoting && w.Maybe(3)
		switch f.Verb {
		case rollout.Deploy:
			w.fresh(&f)
		case rollout.Promote:
			f.Tested = w.State.Tested
			if w.Maybe(8) {
				f.Changed = []string{"Service eu/shop"}
			}
		}
		return f
	case rollout.Resumed:
		f.Untouched = w.State.Phase == rollout.Promoting && w.Maybe(3)
		if w.Maybe(2) {
			f.Found = new(w.Truth.Share)
		}
		return f
	}
	return fact
}

func (w *World) fresh(f *rollout.Request) {
	f.Fresh.Plan = w.course.Plan
	for i := range 1 + w.IntN(2) {
		pods := manifest.ID{Group: "apps", Kind: "Deployment", Namespace: "eu", Name: cmp.Or(w.name, "shop") + fmt.Sprint(i)}
		before := Pick(w, "registry.example.com/shop:1", "shop@sha256:"+strings.Repeat("a1", 32), "shop:2")
		f.Fresh.Before = append(f.Fresh.Before, rollout.Image{Workload: pods, Container: "app", Image: before})
		f.Fresh.Images = append(f.Fresh.Images, rollout.Image{Workload: pods, Container: "app", Image: Pick(w, before, "registry.example.com/shop:2", "shop:3@sha256:"+strings.Repeat("b2", 32))})
		pods.Name += "-canary"
		f.Fresh.Objects = append(f.Fresh.Objects, pods)
	}
}

// ask lets a person use a verb, with the version that is there.
func (w *World) ask() {
	w.course = rollout.Course{Run: w.run(), Plan: w.State.Plan}
	w.heard = rollout.Heard{Answers: map[string]rollout.Answer{}}
	w.Truth.Working, w.Truth.Run, w.pending = true, false, nil
	r := rollout.Request{
		Verb: Pick(w, rollout.Deploy, rollout.Shift, rollout.Promote, rollout.Promote, rollout.Reject), Run: w.course.Run, Weight: w.IntN(w.Spec.Limit + 1),
		Override: !w.Maybe(3), Untested: !w.Maybe(3), Unverified: !w.Maybe(3), Keep: w.Maybe(3), IfActive: w.Maybe(4),
	}
	if r.Verb == rollout.Reject && w.Maybe(2) {
		r.Reason = rollout.Reason{Text: w.Text("reason")}
	}
	w.apply(w.prepared(r))
	if len(w.pending) == 0 {
		w.Truth.Working = false
	}
}
