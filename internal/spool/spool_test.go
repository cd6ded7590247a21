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

// output records lines and blocks while a test holds it.
type output struct {
	mu    sync.Mutex
	lines []string
	held  chan struct{} // nil: not blocked
}

func (o *output) write(line string) {
	o.mu.Lock()
	held := o.held
	o.mu.Unlock()
	if held != nil {
		<-held
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, line)
}

func (o *output) hold() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held = make(chan struct{})
}

func (o *output) free() {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.held)
	o.held = nil
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.lines, " ")
}

func spoolTo(p *output, most int) *Spool {
	s := New(Options{MaxDroppable: most, Patience: time.Second})
	s.OnDropped(func(n int) { p.write(fmt.Sprintf("-%d", n)) })
	return s
}

func TestStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &output{}
		s := spoolTo(p, 2)
		put := func(class Class, line string) { s.Put(class, func() { p.write(line) }) }
		p.hold()
		put(Kept, "a")
		synctest.Wait() // a is being written
		for i := range 5 {
			put(Droppable, fmt.Sprint(i))
		}
		put(Kept, "b")
		put(Droppable, "5")
		began := time.Now()
		if s.Flush() || time.Since(began) != time.Second {
			t.Errorf("flushed, or gave up after %s", time.Since(began))
		}
		if s.Flush() || time.Since(began) != time.Second {
			t.Errorf("Flush waited for an output known to be stuck: %s", time.Since(began))
		}
		p.free()
		synctest.Wait()
		if !s.Flush() || p.text() != "a -4 4 b 5" {
			t.Error(p.text())
		}
		p.hold()
		put(Kept, "c")
		if s.Flush() || time.Since(began) != 2*time.Second { // it made progress
			t.Errorf("flushed, or gave up after %s", time.Since(began))
		}
		p.free()
	})
}

// TestSlow: Flush waits for an output that makes progress, however slow it is.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := spoolTo(&output{}, 2)
		for range 100 {
			s.Put(Kept, func() { time.Sleep(900 * time.Millisecond) })
		}
		if !s.Flush() {
			t.Error("Flush gave up")
		}
	})
}

// TestLaws: no Kept entry is lost, the order stays, the newest droppable entry is
// written, and the number of dropped entries is right, whenever the output blocks.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		most := rapid.IntRange(1, 4).Draw(rt, "most")
		steps := rapid.SliceOfN(rapid.SampledFrom([]string{"kept", "passing", "passing", "passing", "hold", "free", "wait"}), 1, 60).Draw(rt, "steps")
		synctest.Test(t, func(t *testing.T) {
			p := &output{}
			s := spoolTo(p, most)
			var all []string
			held := false
			for i, step := range steps {
				switch step {
				case "kept", "passing":
					class, line := Kept, fmt.Sprintf("k%d", i)
					if step == "passing" {
						class, line = Droppable, fmt.Sprintf("p%d", i)
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
			rt.Fatalf("%s is lost or out of order: put %v, written %v", line, put, written)
		}
	}
	if at != len(written) || missing != counted || last != "" && !slices.Contains(written, last) {
		rt.Fatalf("%d dropped, %d reported: put %v, written %v", missing, counted, put, written)
	}
}

// TestConcurrent is for the race detector.
func TestConcurrent(t *testing.T) {
	p := &output{}
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
