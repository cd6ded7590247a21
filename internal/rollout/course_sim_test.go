package rollout

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// What the stable objects of the simulated world are.
const (
	isOld   = "old"   // nothing was replaced since the release began
	isMixed = "mixed" // some objects were replaced
	isNew   = "new"   // all were
)

// world is a cluster with one release in it, and the people around it. It obeys: what
// happens in it is decided by whoever holds the hooks, and nothing is decided by rules.
type world struct {
	spec   Spec
	record []byte // the State as it is stored; nil where there is none
	clock  time.Time

	weight  int       // of the canary's routes
	taken   int       // by the gateway, of it
	frozen  bool      // the gateway takes no change
	braked  bool      // the canary's Services lead to the stable pods
	began   time.Time // of the release that is stored
	stable  string    // isOld, isMixed or isNew
	canary  bool      // its objects are there
	pods    string    // digest of the canary's pods
	plan    string    // digest of what the manifests say
	changed []string  // stable objects that somebody changed
	proof   Proof     // how a share can be known here

	said    Said
	deaf    bool              // what people say cannot be read
	mute    bool              // no watch tells that somebody spoke
	answers map[string]Answer // of gates, as soon as they are asked

	// fate says what befalls a process at a moment.
	fate func(p *process, m moment) fate
	// watch is told what a process decides, what the machine says and what is done.
	watch watcher
}

// moment is the instant before a process stores its state, or acts.
type moment struct {
	store bool
	act   Action
	exit  bool // on the way out
}

// fate is what befalls a process at a moment.
type fate struct {
	kill   bool    // kill -9
	fail   string  // the write fails, and says this
	end    *Ended  // the process has to end: a signal, its lock, a fault
	judged *Judged // a catastrophe is seen meanwhile
	done   bool    // of all of these: the write was done all the same; of stable, half of it
}

// watcher sees everything that a process does.
type watcher interface {
	decided(p *process, d Decision)
	stepped(p *process, before State, fact Fact, actions []Action)
	stored(p *process)
	acted(p *process, a Action, err error)
	gone(p *process, how string)
}

func newWorld(spec Spec) *world {
	return &world{
		spec: spec, clock: start, stable: isOld, pods: "pods-a", plan: "plan-aaaaaaaa", proof: SeenOnGateways, answers: map[string]Answer{},
		fate: func(*process, moment) fate { return fate{} },
	}
}

// process is one process that works on the release: the plain loop around Decide and
// Next. What it heard dies with it; its state is what was stored last.
type process struct {
	*world
	course Course
	state  State
	heard  Heard
	asking map[string]bool // gates that were asked
	over   string          // how it ended; "" while it works
	failed string          // what it could not do for the traffic on its way out
	wait   Decision        // what it waits for, while it does
}

// errGone is that a process is no more.
var errGone = fmt.Errorf("the process is gone")

// start is what every process begins with: the stored state, and nothing heard.
func (w *world) start(c Course) *process {
	p := &process{world: w, course: c, asking: map[string]bool{}, heard: Heard{Answers: map[string]Answer{}}}
	if w.record != nil {
		var err error
		if p.state, err = ParseState(w.record); err != nil {
			panic(err)
		}
	}
	return p
}

// run goes on until the process waits for something new to know, or is gone.
func (p *process) run() {
	for p.over == "" {
		d := Decide(p.spec, p.course, p.state, p.heard)
		p.watch.decided(p, d)
		switch d.Do {
		case DoLook:
			p.wait = d
			return
		case DoHear:
			p.hear()
		case DoAsk:
			p.asking[d.Gate.Name] = true
			p.heard.Answers[d.Gate.Name] = Answer{Pending: true}
			if answer, given := p.answers[d.Gate.Name]; given {
				p.heard.Answers[d.Gate.Name] = answer
			}
		case DoTell:
			p.tell(d.Fact)
		case DoEnd:
			if d.Unbegun {
				_ = p.die("refused")
				return
			}
			p.end(Ended{Cause: Done, Reason: reasonOf(d.Why)})
		}
	}
}

func reasonOf(why *Refusal) string {
	if why == nil {
		return ""
	}
	return why.Error()
}

func (p *process) hear() {
	p.heard.People = People{Ear: Deaf}
	if !p.deaf { // read as it is written
		p.heard.People = People{Ear: Listened, Said: SaidOf(p.said.Annotations(p.state.Started), p.state.Started)}
	}
}

// news says whether a watch would tell that somebody spoke since it was read.
func (p *process) news(read Said) bool {
	return !reflect.DeepEqual(read, SaidOf(p.said.Annotations(p.state.Started), p.state.Started))
}

// look is that there is something new to know: of the judge, or with nil of others.
func (p *process) look(j *Judged) {
	p.clock = p.clock.Add(10 * time.Second)
	last := p.heard.People
	p.heard.People = People{Said: last.Said, Spoke: !p.mute && !p.deaf && (last.Ear == Deaf || p.news(last.Said))}
	for name, answer := range p.answers {
		if p.asking[name] {
			p.heard.Answers[name] = answer
		}
	}
	if j == nil {
		return
	}
	j.Weight, j.Time = p.state.Weight, p.clock
	if p.traffic() == 0 { // nobody saw a request
		j.Own = 0
	}
	p.takeIn(*j)
}

func (p *process) takeIn(j Judged) {
	p.heard.Judged = &j
	p.next(j)
	_ = p.store(false)
}

// next asks the machine.
func (p *process) next(fact Fact) []Action {
	before := p.state
	p.clock = p.clock.Add(time.Second)
	after, actions := Next(p.spec, p.state, Observation{Time: p.clock, Fact: fact})
	p.state = after
	if !after.Started.Equal(before.Started) { // what was said was about another release
		p.said = Said{}
	}
	p.watch.stepped(p, before, fact, actions)
	return actions
}

// tell tells the machine a fact, and carries out what it announces, to the end.
func (p *process) tell(fact Fact) {
	fact, ok := p.prepare(fact)
	if !ok {
		return
	}
	p.heard.Failed, p.heard.Refused, p.heard.Stale = nil, nil, false
	p.drive(fact)
}

func (p *process) drive(fact Fact) {
	for fact != nil {
		actions := p.next(fact)
		if len(actions) > 0 && actions[0].Kind == Refuse {
			p.heard.Refused = actions[0].Reason
			return
		}
		if !p.heard.Begun {
			p.heard.Reached = p.state.Weight
		}
		p.heard.Begun = true
		if p.store(false) != nil {
			return
		}
		fact = p.carryOut(actions)
		if failed, is := fact.(Failed); is && p.heard.Failed == nil {
			p.heard.Failed = &failed
		}
	}
}

// carryOut carries actions out and gives the outcome; nil where there is none.
func (p *process) carryOut(actions []Action) Fact {
	if len(actions) == 0 {
		return nil
	}
	var outcome Finished
	for _, a := range actions {
		err := p.act(a, &outcome, false)
		switch {
		case p.over != "" || err == errSeen:
			return nil
		case err != nil:
			return Failed{Action: a, Reason: err.Error(), Untouched: p.stable == isOld, Unready: a.Kind == WaitCanary || a.Kind == Scale, Proof: outcome.Proof}
		}
	}
	// What does not do all that was announced is not the end of it.
	if len(actions) < len(Pending(p.state)) {
		return nil
	}
	return outcome
}

// errSeen interrupts an action, because a catastrophe was seen meanwhile.
var errSeen = fmt.Errorf("the canary's requests are failing")

// act does one thing to the cluster.
func (p *process) act(a Action, outcome *Finished, exit bool) error {
	f := p.fate(p, moment{act: a, exit: exit})
	if f.done {
		_ = p.affect(a, outcome, true)
		p.watch.acted(p, a, fmt.Errorf("cut off"))
	}
	switch {
	case f.kill:
		return p.die("killed")
	case f.end != nil && !exit:
		p.end(*f.end)
		return errGone
	case f.judged != nil && p.state.Phase == Shifting && !exit:
		f.judged.Weight, f.judged.Time = p.state.Weight, p.clock
		p.takeIn(*f.judged)
		return errSeen
	case f.fail != "":
		return fmt.Errorf("%s", f.fail)
	}
	err := p.affect(a, outcome, false)
	p.watch.acted(p, a, err)
	return err
}

// affect is what an action does to the cluster; half of it where it was cut off.
func (p *process) affect(a Action, outcome *Finished, half bool) error {
	switch a.Kind {
	case SetWeight:
		p.weight = 0
		if p.canary {
			p.weight = a.Weight
		}
		p.take()
	case Verify:
		if p.taken != a.Weight {
			return fmt.Errorf("the gateways give the canary %d %%, not %d %%", p.taken, a.Weight)
		}
		outcome.Proof = p.proof
	case Brake:
		p.braked = p.canary
	case ApplyCanary:
		p.canary, p.braked = true, false
	case WaitCanary:
		outcome.Tested = p.pods
	case ApplyStable:
		if p.pods != p.state.Tested { // the server checks that before anything is replaced
			return fmt.Errorf("the canary's pods are no longer what was tested")
		}
		if half && p.stable == isOld {
			p.stable = isMixed
		}
		if !half {
			p.stable = isNew
		}
	case DeleteCanary:
		p.canary, p.weight, p.taken, p.braked, p.said = half, 0, 0, false, Said{}
	}
	return nil
}

// take has the gateway take what is written, unless it is frozen.
func (w *world) take() {
	if !w.frozen {
		w.taken = w.weight
	}
}

// traffic is the share of the requests that reach the canary.
func (w *world) traffic() int {
	if w.braked {
		return 0
	}
	return w.taken
}

// store remembers the state in the cluster.
func (p *process) store(exit bool) error {
	f := p.fate(p, moment{store: true, exit: exit})
	if f.done || f == (fate{}) {
		text, err := json.Marshal(p.state)
		if err != nil {
			panic(err)
		}
		if p.state.Phase != None && !bytes.Equal(p.record, text) {
			p.record = text
			if !p.began.Equal(p.state.Started) { // another release: its old version is what there is
				p.began, p.stable = p.state.Started, isOld
			}
			p.watch.stored(p)
		}
	}
	switch {
	case f.kill:
		return p.die("killed")
	case exit:
		return nil
	case f.end != nil:
		p.end(*f.end)
		return errGone
	case f.fail != "":
		p.end(Ended{Cause: Broken, Reason: f.fail})
		return errGone
	}
	return nil
}

func (p *process) die(how string) error {
	p.over = how
	p.watch.gone(p, how)
	return errGone
}

// prepare adds to a fact what has to be known about the cluster, and first puts right
// what somebody else did; false where nothing is left to tell.
func (p *process) prepare(fact Fact) (Fact, bool) {
	switch f := fact.(type) {
	case Asked:
		f.Untouched = p.stable == isOld
		switch f.Verb {
		case Deploy:
			f.Fresh.Plan = p.plan
			f.Fresh.Gates = p.course.gateNames()
		case Promote:
			f.Tested, f.Changed = p.pods, p.changed
		}
		if (f.Verb == Shift || f.Verb == Promote) && !p.putRight() {
			return nil, false
		}
		return f, true
	case Resumed:
		f.Untouched, f.Found = p.stable == isOld, new(p.weight)
		return f, true
	}
	return fact, true
}

// putRight tells the machine that somebody else moved the weight; false where that did
// not end well.
func (p *process) putRight() bool {
	if p.state.Phase != Standing || p.weight == p.state.Weight {
		return true
	}
	p.heard.Failed = nil
	p.drive(Moved{Weight: p.weight})
	return p.over == "" && p.heard.Failed == nil && p.state.Phase == Standing
}

// end is how a process ends that is not killed: what the machine says about it, the
// first action before it is stored.
func (p *process) end(e Ended) {
	if p.over != "" {
		return
	}
	e.Untouched = p.stable == isOld
	actions := p.next(e)
	var outcome Finished
	if len(actions) > 0 {
		err := p.act(actions[0], &outcome, true)
		for n := 0; err != nil && p.over == "" && n < 3; n++ { // until it is done
			err = p.affect(actions[0], &outcome, false)
		}
		actions = actions[1:]
	}
	if p.over != "" || p.store(true) != nil {
		return
	}
	p.seeOff(e, actions)
	if p.over == "" && p.store(true) == nil {
		_ = p.die(string(e.Cause))
	}
}

// seeOff is what follows once the weight of 0 is stored. Who was asked to end has no time
// to look again after the brake.
func (p *process) seeOff(e Ended, actions []Action) {
	for len(actions) > 0 && p.over == "" {
		brake := slices.Index(actions, Action{Kind: Brake})
		braking := e.Cause == Interrupted && brake >= 0
		if braking {
			actions = actions[:brake+1]
		}
		var outcome Finished
		fact, ends := Fact(nil), p.state.Ends(actions)
		for _, a := range actions {
			if err := p.act(a, &outcome, true); err != nil {
				fact = Failed{Action: a, Reason: err.Error(), Untouched: p.stable == isOld, Unready: a.Kind == WaitCanary || a.Kind == Scale, Proof: outcome.Proof}
				if a.Kind == Brake || a.Kind == SetWeight {
					p.failed = err.Error()
				}
				break
			}
		}
		switch {
		case p.over != "", fact == nil && (braking || !ends):
			return
		case fact == nil:
			fact = outcome
		}
		actions = p.next(fact)
		if p.store(true) != nil {
			return
		}
	}
}

// verb is a step-by-step verb: one fact, carried out to the end.
func (p *process) verb(a Asked) {
	p.tell(a)
	switch {
	case p.over != "":
	case p.heard.Refused != nil && !p.heard.Begun:
		_ = p.die("refused")
	default:
		why := ""
		if p.heard.Failed != nil {
			why = p.heard.Failed.Reason
		}
		p.end(Ended{Cause: Done, Reason: why})
	}
}
