package rollout

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/analysis"
)

var update = flag.Bool("update", false, "rewrite what the stories of testdata print")

// TestStories replays the stories of testdata/course. A story is a list of blocks. Each
// has commands, followed by what was decided, stored and done. -update writes the stories
// anew; read the difference.
//
//	given COMMAND                         prints only the resulting state
//	run [first=5] [gate=NAME:WEIGHT:manual|exec] [override] [unverified] [analyze] [healthy] [id=RUN]
//	deploy | shift N | promote | reject   a step-by-step verb, with flags of the same names
//	look VERDICT [to=N] [own=N] [inconclusive]   the next judgement; own defaults to 100
//	wake [stale] [over]                   something else is new
//	says hold|resume|reject|approve GATE  a person says so, and the process wakes
//	answers GATE agrees|TEXT              a gate with a program answers, and the process wakes
//	at WRITE kill|fail|interrupt|keep|lost|catastrophe [half] [skip=N]
//	                                      happens to the process before the write; WRITE is store
//	                                      or an action; with half, the write is done, or half done
//	kill | end CAUSE [keep]               happens to the process while it looks
//	world unreadable|readable|model|gateway|weight=N|pods=X|plan=X|changed=X|untouched
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/course/*.txt")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d stories, error %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			have := replay(t, string(text))
			if *update {
				if err := os.WriteFile(file, []byte(have), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for i, line := range strings.Split(have, "\n") {
				want := strings.Split(string(text), "\n")
				if !*update && (i >= len(want) || want[i] != line) {
					t.Fatalf("line %d is\n\t%s\nand the story says\n\t%s\n(go test ./internal/rollout -run TestStories -update writes the story anew)", i+1, line, strings.Join(want[min(i, len(want)):min(i+1, len(want))], ""))
				}
			}
		})
	}
}

// replay runs a story and returns it with what happens now.
func replay(t *testing.T, text string) string {
	var out strings.Builder
	s := &story{world: newWorld(Spec{Limit: 100})}
	s.world.watch, s.world.fate = s, s.befall
	printed := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "----":
			out.WriteString("----\n" + s.out.String())
			s.out.Reset()
			printed = true
		case printed && line != "":
		default:
			printed = false
			out.WriteString(line + "\n")
			if line != "" && !strings.HasPrefix(line, "#") {
				s.command(t, line)
			}
		}
	}
	return out.String()
}

// story is a world that follows a text and prints what happens.
type story struct {
	*world
	p    *process
	out  strings.Builder
	fate []planned
}

type planned struct {
	write string
	skip  int
	fate  fate
}

func (s *story) command(t *testing.T, line string) {
	t.Helper()
	if given, is := strings.CutPrefix(line, "given "); is {
		before := s.out.String()
		s.command(t, given)
		s.out.Reset()
		s.out.WriteString(before)
		fmt.Fprintf(&s.out, "%s\n", stateLine(s.p.state))
		return
	}
	words := strings.Fields(line)
	args := arguments(words[1:])
	alive := s.p != nil && s.p.over == ""
	switch words[0] {
	case "run":
		s.p = s.start(args.course(s.plan))
		s.p.run()
	case "deploy", "shift", "promote", "reject":
		asked := Request{Verb: Verb(words[0]), Weight: args.number("", 0), Override: args.has("override"), Untested: args.has("untested"), Unverified: args.has("unverified"), Version: args.value("version")}
		s.p = s.start(Course{})
		s.p.verb(asked)
	case "at":
		s.fate = append(s.fate, planned{strings.ReplaceAll(words[1], "-", " "), args.number("skip", 0), args.fate(words[2])})
	case "world":
		s.change(args)
	case "says":
		s.said = args.says(s.said)
		s.wake(alive, nil)
	case "answers":
		answer := Answer{By: "ci.example"}
		if words[2] != "agrees" {
			answer.Refusal = strings.Join(words[2:], " ")
		}
		s.answers[words[1]] = answer
		s.wake(alive, nil)
	case "look":
		j := &Judged{Look: Look{Verdict: analysis.Verdict(words[1]), Reason: "the " + words[1] + " of the judge."}, Recommended: args.number("to", 0), Own: int64(args.number("own", 100)), Inconclusive: args.has("inconclusive")}
		s.wake(alive, j)
	case "wake":
		s.p.heard.Stale, s.p.heard.Over = args.has("stale"), args.has("over")
		s.wake(alive, nil)
	case "kill":
		_ = s.p.die("killed")
	case "end":
		s.p.end(Ended{Cause: EndCause(strings.ReplaceAll(words[1], "-", " ")), Keep: args.has("keep"), Reason: "so it had to be"})
	default:
		t.Fatalf("%q is no command", line)
	}
	fmt.Fprintf(&s.out, "= %d %% in force, stable %s%s\n", s.traffic(), s.stable, map[bool]string{true: ", canary there"}[s.canary])
}

func (s *story) wake(alive bool, j *Judged) {
	if alive {
		s.p.look(j)
		s.p.run()
	}
}

func (s *story) change(args arguments) {
	for _, word := range args {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "unreadable", "readable":
			s.unreadable = key == "unreadable"
		case "model", "gateway":
			s.proof = Proof(key)
		case "weight":
			s.weight = args.number("weight", 0)
			s.take()
		case "freeze", "thaw":
			s.frozen = key == "freeze"
			s.take()
		case "pods":
			s.pods = value
		case "plan":
			s.plan = value
		case "changed":
			s.changed = []string{value}
		}
	}
}

// befall returns what the story plans for a moment.
func (s *story) befall(_ *process, m moment) fate {
	write := string(m.act.Kind)
	if m.store {
		write = "store"
	}
	for i := range s.fate {
		if s.fate[i].write != write {
			continue
		}
		if s.fate[i].skip > 0 {
			s.fate[i].skip--
			return fate{}
		}
		f := s.fate[i].fate
		s.fate = slices.Delete(s.fate, i, i+1)
		return f
	}
	return fate{}
}

type arguments []string

func (a arguments) has(word string) bool { return slices.Contains(a, word) }

func (a arguments) value(key string) string {
	for _, word := range a {
		if k, v, ok := strings.Cut(word, "="); ok && k == key {
			return v
		}
	}
	return ""
}

// number returns the number of a key, or with "" the first word.
func (a arguments) number(key string, otherwise int) int {
	text := a.value(key)
	if key == "" && len(a) > 0 {
		text = a[0]
	}
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return otherwise
}

func (a arguments) course(plan string) Course {
	c := Course{Plan: plan, First: a.number("first", 5), Override: a.has("override"), Unverified: a.has("unverified"), Analyze: a.has("analyze"), Healthy: a.has("healthy")}
	if id := a.value("id"); id != "" {
		c.Run = Run{System: "CI", ID: id}
	}
	for _, word := range a {
		if text, is := strings.CutPrefix(word, "gate="); is {
			parts := strings.Split(text, ":")
			weight, _ := strconv.Atoi(parts[1])
			c.Gates = append(c.Gates, Gate{Name: parts[0], Weight: weight, Manual: parts[2] == "manual"})
		}
	}
	return c
}

func (a arguments) says(said Statements) Statements {
	word := &Statement{Text: cmp.Or(strings.Join(a[1:], " "), "because"), By: "ada", At: start}
	switch a[0] {
	case "hold":
		said.Hold = word
	case "resume":
		said.Hold = nil
	case "reject":
		said.Rejected = word
	case "approve":
		said.Approve(Approval{Gate: a[1], By: "ada", At: start})
	}
	return said
}

func (a arguments) fate(what string) fate {
	f := fate{done: a.has("half")}
	switch what {
	case "kill":
		f.kill = true
	case "fail":
		f.fail = "it failed"
	case "interrupt", "keep":
		f.end = &Ended{Cause: Interrupted, Keep: what == "keep"}
	case "lost":
		f.end = &Ended{Cause: LockLost, Reason: "the lock is lost"}
	case "catastrophe":
		f.judged = &Judged{Look: Look{Verdict: analysis.Reject, Reason: "most requests fail."}}
	}
	return f
}
