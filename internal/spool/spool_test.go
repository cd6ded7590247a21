package spool

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// paper is an output that somebody can hold.
type paper struct {
	mu    sync.Mutex
	lines []string
	held  chan struct{} // nil: it moves
}

func (p *paper) write(line string) {
	p.mu.Lock()
	held := p.held
	p.mu.Unlock()
	if held != nil {
		<-held
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, line)
}

func (p *paper) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = make(chan struct{})
}

func (p *paper) free() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.held)
	p.held = nil
}

func (p *paper) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, " ")
}

func spoolTo(p *paper, most int) *Spool {
	s := New(Options{Most: most, Patience: time.Second})
	s.OnMissing(func(n int) { p.write(fmt.Sprintf("-%d", n)) })
	return s
}

func TestStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &paper{}
		s := spoolTo(p, 2)
		say := func(class Class, line string) { s.Put(class, func() { p.write(line) }) }
		p.hold()
		say(Kept, "a")
		synctest.Wait() // a is being written
		for i := range 5 {
			say(Passing, fmt.Sprint(i))
		}
		say(Kept, "b")
		say(Passing, "5")
		began := time.Now()
		if s.Flush() || time.Since(began) != time.Second {
			t.Errorf("flushed, or gave up after %s", time.Since(began))
		}
		if s.Flush() || time.Since(began) != time.Second {
			t.Errorf("waits for an output that is known to be stuck: %s", time.Since(began))
		}
		p.free()
		synctest.Wait()
		if !s.Flush() || p.text() != "a -4 4 b 5" {
			t.Error(p.text())
		}
		p.hold()
		say(Kept, "c")
		if s.Flush() || time.Since(began) != 2*time.Second { // it had moved
			t.Errorf("flushed, or gave up after %s", time.Since(began))
		}
		p.free()
	})
}

// TestSlow: an output that moves is waited for, however slow it is.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := spoolTo(&paper{}, 2)
		for range 100 {
			s.Put(Kept, func() { time.Sleep(900 * time.Millisecond) })
		}
		if !s.Flush() {
			t.Error("given up")
		}
	})
}

// TestLaws: whatever is put, and whenever the output is stuck, nothing that is Kept
// is lost, order stays, the newest passing entry is written, and what is missing is
// counted.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		most := rapid.IntRange(1, 4).Draw(rt, "most")
		steps := rapid.SliceOfN(rapid.SampledFrom([]string{"kept", "passing", "passing", "passing", "hold", "free", "wait"}), 1, 60).Draw(rt, "steps")
		synctest.Test(t, func(t *testing.T) {
			p := &paper{}
			s := spoolTo(p, most)
			var all []string
			held := false
			for i, step := range steps {
				switch step {
				case "kept", "passing":
					class, line := Kept, fmt.Sprintf("k%d", i)
					if step == "passing" {
						class, line = Passing, fmt.Sprintf("p%d", i)
					}
					all = append(all, line)
					s.Put(class, func() { p.write(line) })
				case "hold":
					if !held {
						p.hold()
					}
					held = true
				case "free":
					if held {
						p.free()
					}
					held = false
				case "wait":
					synctest.Wait()
				}
			}
			if held {
				p.free()
			}
			synctest.Wait()
			if !s.Flush() {
				rt.Fatal("not everything was written")
			}
			checkLaws(rt, all, p.lines)
		})
	})
}

func checkLaws(rt *rapid.T, put, written []string) {
	missing, counted, last, at := 0, 0, "", 0
	for _, line := range put {
		if line[0] == 'p' {
			last = line
		}
		for at < len(written) && written[at][0] == '-' {
			n := 0
			fmt.Sscanf(written[at], "-%d", &n)
			counted, at = counted+n, at+1
		}
		switch {
		case at < len(written) && written[at] == line:
			at++
		case line[0] == 'p':
			missing++
		default:
			rt.Fatalf("%s is lost or not in its place: put %v, written %v", line, put, written)
		}
	}
	if at != len(written) || missing != counted || last != "" && !slices.Contains(written, last) {
		rt.Fatalf("%d missing, %d counted: put %v, written %v", missing, counted, put, written)
	}
}

// TestConcurrent is for the race detector.
func TestConcurrent(t *testing.T) {
	p := &paper{}
	s := spoolTo(p, 10)
	var putting sync.WaitGroup
	for range 8 {
		putting.Go(func() {
			for i := range 100 {
				s.Put(Class(i%2), func() { p.write("x") })
			}
			s.Flush()
		})
	}
	putting.Wait()
	if !s.Flush() {
		t.Error("not written")
	}
}
