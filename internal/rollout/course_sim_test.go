package rollout

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// The states of the stable objects in the simulated world.
const (
	isOld   = "old"   // nothing was replaced since the release began
	isMixed = "mixed" // some objects were replaced
	isNew   = "new"   // all objects were replaced
)

// world simulates a cluster with one release, and the people around it. It has no rules
// of its own: its hooks decide what happens.
type world struct {
	spec   Spec
	record []byte // the stored State; nil if there is none
	clock  time.Time

	weight  int       // of the canary's routes
	taken   int       // the weight that the gateway has applied
	frozen  bool      // the gateway applies no change
	braked  bool      // the canary's Services select the stable pods
	began   time.Time // when the stored release began
	stable  string    // isOld, isMixed or isNew
	canary  bool      // the canary's objects exist
	pods    string    // digest of the canary's pods
	plan    string    // digest of the manifests
	changed []string  // stable objects that somebody changed
	proof   Proof     // how a share can be determined here

	said       Statements
	unreadable bool              // what people say cannot be read
	silent     bool              // no watch tells that somebody spoke
	answers    map[string]Answer // of gates, once they are asked

	// fate returns what happens to a process at a moment.
	fate func(p *process, m moment) fate
	// watch observes decisions, facts and actions.
	watch watcher
}

// moment is the instant before a process stores its state or acts.
type moment struct {
	store bool
	act   Action
	exit  bool // on the way out
}

// fate is what happens to a process at a moment.
type fate struct {
	kill   bool    // kill -9
	fail   string  // the write fails with this text
	end    *Ended  // the process has to end: a signal, a lost lock, a panic
	judged *Judged // the judge sees a catastrophe meanwhile
	done   bool    // in all these cases the write still takes effect; that of stable by half
}

// watcher observes everything a process does.
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

// process simulates one process that works on the release: the plain loop around Decide
// and Next. What it heard dies with it; its state is the last one stored.
type process struct {
	*world
	course Course
	state  State
	heard  Heard
	asking map[string]bool // gates that were asked
	over   string          // how it ended; "" while it runs
	failed string          // what it could not do about the traffic on its way out
	wait   Decision        // what it waits for
}

// errGone reports that the process no longer exists.
var errGone = fmt.Errorf("the process is gone")

// start starts a process, with the stored state and nothing heard.
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

// run continues until the process waits for news, or no longer exists.
func (p *process) run() {
	for p.over == "" {
		d := Decide(p.spec, p.course, p.state, p.heard)
		p.watch.decided(p, d)
		switch d.Do {
		case DoLook:
			p.wait = d
			return
		case DoRead:
			p.hear()
		case DoAsk:
			p.asking[d.Gate.Name] = true
			p.heard.Answers[d.Gate.Name] = Answer{Pending: true}
			if answer, given := p.answers[d.Gate.Name]; given {
				p.heard.Answers[d.Gate.Name] = answer
			}
		case DoApply:
			p.apply(d.Fact)
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
	p.heard.People = People{Status: Unreadable}
	if !p.unreadable { // statements can be read
		p.heard.People = People{Status: Current, Statements: ParseStatements(p.said.Annotations(p.state.Started), p.state.Started)}
	}
}

// news reports whether a watch would announce unread statements.
func (p *process) news(read Statements) bool {
	return !reflect.DeepEqual(read, ParseStatements(p.said.Annotations(p.state.Started), p.state.Started))
}

// look gives the process news: a judgement, or with nil something else.
func (p *process) look(j *Judged) {
	p.clock = p.clock.Add(10 * time.Second)
	last := p.heard.People
	p.heard.People = People{Statements: last.Statements, Changed: !p.silent && !p.unreadable && (last.Status == Unreadable || p.news(last.Statements))}
	for name, answer := range p.answers {
		if p.asking[name] {
			p.heard.Answers[name] = answer
		}
	}
	if j == nil {
		return
	}
	j.Weight, j.Time = p.state.Weight, p.clock
	if p.traffic() == 0 { // no request was counted
		j.Own = 0
	}
	p.takeIn(*j)
}

func (p *process) takeIn(j Judged) {
	p.heard.Judged = &j
	p.next(j)
	_ = p.store(false)
}

// next calls Next.
func (p *process) next(fact Fact) []Action {
	before := p.state
	p.clock = p.clock.Add(time.Second)
	after, actions := Next(p.spec, p.state, Observation{Time: p.clock, Fact: fact})
	p.state = after
	if !after.Started.Equal(before.Started) { // the statements were about another release
		p.said = Statements{}
	}
	p.watch.stepped(p, before, fact, actions)
	return actions
}

// apply passes a fact to Next, and carries out the actions, to the end.
func (p *process) apply(fact Fact) {
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

// carryOut carries out actions and returns the outcome; nil if there is none.
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
	// If not everything announced was done, this is not the end.
	if len(actions) < len(Pending(p.state)) {
		return nil
	}
	return outcome
}

// errSeen interrupts an action because the judge saw a catastrophe.
var errSeen = fmt.Errorf("the canary's requests are failing")

// act carries out one action on the cluster.
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

// affect applies an action to the cluster, or half of it if it was cut off.
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
		if p.pods != p.state.Tested { // the server checks this before anything is replaced
			return fmt.Errorf("the canary's pods changed after they were tested")
		}
		if half && p.stable == isOld {
			p.stable = isMixed
		}
		if !half {
			p.stable = isNew
		}
	case DeleteCanary:
		p.canary, p.weight, p.taken, p.braked, p.said = half, 0, 0, false, Statements{}
	}
	return nil
}

// take makes the gateway apply the weight, unless it is frozen.
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

// store stores the state in the cluster.
func (p *process) store(exit bool) error {
	f := p.fate(p, moment{store: true, exit: exit})
	if f.done || f == (fate{}) {
		text, err := json.Marshal(p.state)
		if err != nil {
			panic(err)
		}
		if p.state.Phase != None && !bytes.Equal(p.record, text) {
			p.record = text
			if !p.began.Equal(p.state.Started) { // another release: what is in the cluster is its old version
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

// prepare completes a fact with what it needs from the cluster. First it undoes what
// somebody else changed. It returns false if no fact is left to apply.
func (p *process) prepare(fact Fact) (Fact, bool) {
	switch f := fact.(type) {
	case Request:
		f.Untouched = p.stable == isOld
		switch f.Verb {
		case Deploy:
			f.Fresh.Plan = p.plan
			f.Fresh.Gates = p.course.gateNames()
		case Promote:
			f.Tested, f.Changed = p.pods, p.changed
		}
		if (f.Verb == Shift || f.Verb == Promote) && !p.correct() {
			return nil, false
		}
		return f, true
	case Resumed:
		f.Untouched, f.Found = p.stable == isOld, new(p.weight)
		return f, true
	}
	return fact, true
}

// correct reports to Next that somebody else changed the weight. It returns false if that
// failed.
func (p *process) correct() bool {
	if p.state.Phase != Standing || p.weight == p.state.Weight {
		return true
	}
	p.heard.Failed = nil
	p.drive(Moved{Weight: p.weight})
	return p.over == "" && p.heard.Failed == nil && p.state.Phase == Standing
}

// end ends a process that is not killed. It follows Next, and carries out the first
// action before it stores the state.
func (p *process) end(e Ended) {
	if p.over != "" {
		return
	}
	e.Untouched = p.stable == isOld
	actions := p.next(e)
	var outcome Finished
	if len(actions) > 0 {
		err := p.act(actions[0], &outcome, true)
		for n := 0; err != nil && p.over == "" && n < 3; n++ { // retry until it is done
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

// verb carries out a step-by-step verb: one fact, to the end.
func (p *process) verb(a Request) {
	p.apply(a)
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
