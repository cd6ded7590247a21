//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// offLimit bounds how long a canary may still have traffic after an interruption.
const offLimit = 2 * time.Second

// process is a running command that a test stops.
type process struct {
	cmd    *exec.Cmd
	output *os.File // its stdout and stderr, to read from
	log    *strings.Builder
	text   *bufio.Reader
}

func (r releasing) startProcess(t *testing.T, args ...string) process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), verbLimit)
	t.Cleanup(cancel)
	output, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = output.Close() })
	p := process{cmd: r.command(ctx, args...), output: output, log: &strings.Builder{}}
	p.cmd.Stdout, p.cmd.Stderr = in, in
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = in.Close() // the command has its own copy
	p.text = bufio.NewReader(output)
	return p
}

// await reads the command's output until it has the text.
func (p process) await(t *testing.T, text string) {
	t.Helper()
	for {
		line, err := p.text.ReadString('\n')
		p.log.WriteString(line)
		if strings.Contains(line, text) {
			return
		}
		if err != nil {
			t.Fatalf("it ended without %q in its output: %v\n%s", text, err, p.log)
		}
	}
}

// startShift starts `canarize shift --to 50` and stops it in the middle: the weight is
// written and Envoy has it, but the command has not verified it yet.
func (r releasing) startShift(t *testing.T) process {
	t.Helper()
	p := r.startProcess(t, "shift", "sampleapp", "--to", "50")
	p.await(t, "the canary's weight is 50 %")
	p.signal(t, syscall.SIGSTOP)
	r.routes.await(t, 50)
	return p
}

func (s process) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// end waits for the end and returns the exit code.
func (s process) end(t *testing.T) int {
	t.Helper()
	rest, _ := io.ReadAll(s.text) // a closed output gives nothing
	s.log.Write(rest)
	err := s.cmd.Wait()
	if s.cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return s.cmd.ProcessState.ExitCode()
}

// testInterrupt ends shifts in the middle in every possible way. A killed shift leaves its
// weight, and `reject` takes it off at once, although the lock expires only after half a
// minute.
func testInterrupt(t *testing.T, r releasing) {
	r.Kube(nil, "create", "namespace", "other")
	manifests := r.variant(t, "prefix: /", "prefix: /other/")
	other := r.in(t, "other", manifests)
	other.verb(t, "deploy", manifests, "-I", "registry.example.com/app:2")
	killed := other.startShift(t)
	killed.signal(t, syscall.SIGKILL)
	killed.end(t)
	rejected := time.Now()
	rejection := other.start(t, "reject", "sampleapp")

	r.deploy(t, "2")
	for _, c := range []struct {
		name string
		end  func(process) error
	}{
		{"SIGINT", func(s process) error { return s.cmd.Process.Signal(syscall.SIGINT) }},
		{"SIGTERM", func(s process) error { return s.cmd.Process.Signal(syscall.SIGTERM) }},
		{"SIGHUP", func(s process) error { return s.cmd.Process.Signal(syscall.SIGHUP) }},
		{"output closed", func(s process) error { return s.output.Close() }},
	} {
		s := r.startShift(t)
		began := time.Now()
		if err := c.end(s); err != nil {
			t.Fatal(err)
		}
		s.signal(t, syscall.SIGCONT)
		code := s.end(t)
		took := time.Since(began)
		off := r.routes.await(t, 0).Sub(began)
		fmt.Printf("shift interrupted by %-14s weight 0 in Envoy after %.2f s, exit code %d after %.2f s\n", c.name+":", off.Seconds(), code, took.Seconds())
		if off > offLimit || code != 5 {
			t.Errorf("%s: weight 0 after %s, exit code %d\n%s", c.name, off, code, s.log)
		}
	}
	r.verb(t, "reject", "sampleapp")

	took := r.done(t, rejection())
	off := other.routes.since(0, rejected)
	fmt.Printf("shift killed, then reject: weight 0 in Envoy after %.2f s, all done after %.1f s\n", off.Seconds(), took.Seconds())
	if off == 0 || off > offLimit {
		t.Errorf("weight 0 in Envoy %s after reject began, expected at most %s", off, offLimit)
	}
}

// broken are Mappings that make Emissary refuse every new configuration.
const broken = `
apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: {name: broken, namespace: default}
spec: {hostname: "*", prefix: /broken/, service: "sampleapp:8080", weight: -1}
---
apiVersion: getambassador.io/v3alpha1
kind: Mapping
metadata: {name: whole, namespace: default}
spec: {hostname: "*", prefix: /broken/, service: "sampleapp:8080"}
`

// testNotTaken checks that a shift that the gateway does not take fails, says so, and holds
// the release with all traffic on stable.
func testNotTaken(t *testing.T, r releasing) {
	r.deploy(t, "2")
	r.Apply([]byte(broken))
	o := r.try(t, "shift", "sampleapp", "--to", "50")
	fmt.Printf("shift that the gateway does not take: exit code %d after %.1f s\n", o.code, o.took.Seconds())
	if o.code != 4 || !strings.Contains(o.log, "the gateway has not applied the shares within 30s") ||
		!strings.Contains(o.log, "Mapping default/sampleapp-canary has 0 % of the requests, not 50 %") {
		t.Errorf("exit code %d\n%s%s", o.code, o.out, o.log)
	}
	if got := r.routes.now(t); got != 0 {
		t.Errorf("the canary has %d %%", got)
	}
	if o := r.try(t, "shift", "sampleapp", "--to", "50"); o.code != 4 {
		t.Errorf("a release that is held is shifted: exit code %d\n%s", o.code, o.log)
	}
	r.Kube(nil, "delete", "mapping", "broken", "whole")
	r.verb(t, "shift", "sampleapp", "--to", "50", "--override-hold")
	r.stands(t, "standing", 50)
	r.verb(t, "reject", "sampleapp")
}

// testCrash shifts a version that answers only errors to 5 %, and rejects it.
func testCrash(t *testing.T, r releasing) {
	manifests := r.variant(t, `value: "100"`, `value: "0"`)
	r.verb(t, "deploy", manifests, "-I", "registry.example.com/app:2")
	r.verb(t, "shift", "sampleapp", "--to", "5")
	load := r.load(rate)
	time.Sleep(time.Second) // let the canary do harm
	began := time.Now()
	took := r.verb(t, "reject", "sampleapp")
	off := r.routes.since(0, began)
	got := load.end(t)
	fmt.Printf("a version that only fails, rejected at 5 %%: weight 0 in Envoy after %.2f s, all done after %.1f s; %d of %d requests failed\n",
		off.Seconds(), took.Seconds(), got.total-got.versions["1"]-got.versions["2"], got.total)
	if off == 0 || off > offLimit {
		t.Errorf("weight 0 in Envoy %s after reject began, expected at most %s", off, offLimit)
	}
}

// variant returns the path of the sample's manifests with replaced texts. pairs holds each
// old text, which has to occur once, and its replacement.
func (r releasing) variant(t *testing.T, pairs ...string) string {
	t.Helper()
	dir := t.TempDir()
	files, err := filepath.Glob(filepath.Join(r.Root, "manifests", "*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	replaced := make([]int, len(pairs)/2)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i := range replaced {
			replaced[i] += strings.Count(string(text), pairs[2*i])
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), []byte(strings.NewReplacer(pairs...).Replace(string(text))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i, n := range replaced {
		if n != 1 {
			t.Fatalf("the manifests have %q %d times, expected once", pairs[2*i], n)
		}
	}
	return dir
}
