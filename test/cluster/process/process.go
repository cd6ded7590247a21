// Package process starts programs that outlive whoever started them, and ends
// them again by process id from another program, hours later and without ever
// hitting a stranger that was given the same id since.
//
// Each program writes its own record (process id and start time) before it
// turns into what it is to run, so there is no moment in which it exists
// unrecorded, however abruptly its starter dies.
package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	recordsName = "processes"
	poll        = 10 * time.Millisecond
)

// Table is a folder with one record per process.
type Table struct {
	dir  string
	proc string // where this machine's /proc is mounted
}

// Process is one recorded process.
type Process struct {
	Name  string
	PID   int
	start string // as startTime gives it; tells a process from a later one with its id
}

// Child is a process started by this program.
type Child struct {
	Name  string
	Log   string          // where its output goes
	Ended <-chan struct{} // closed when it has ended
}

// Command says what to start.
type Command struct {
	Name string // unique in the table, a file name
	Path string
	Args []string
	Log  string // file its output is appended to

	// Namespaces are the Linux namespaces it gets for itself, as clone(2) names
	// them; with one for processes, everything it has started ends with it.
	Namespaces uintptr
}

// NewTable makes the folder for the records inside dir. It fails with
// fs.ErrExist when dir has one already.
func NewTable(dir string) (Table, error) {
	t := OpenTable(dir)
	if err := os.Mkdir(t.records(), 0o700); err != nil {
		return Table{}, err
	}
	return t, nil
}

// OpenTable opens the table NewTable made in dir.
func OpenTable(dir string) Table { return Table{dir: dir, proc: "/proc"} }

// Through gives the same table for a program in a namespace of its own, which
// finds this machine's /proc, with the process ids of this machine, elsewhere.
func (t Table) Through(proc string) Table { return Table{dir: t.dir, proc: proc} }

func (t Table) records() string { return filepath.Join(t.dir, recordsName) }

// Start starts c in a session of its own.
func (t Table) Start(c Command) (*Child, error) {
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	defer log.Close()
	record := filepath.Join(t.records(), c.Name)
	script := recordThenExec
	if c.Namespaces != 0 {
		script = recordThenRun
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, "sh", t.proc, record, c.Path}, c.Args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = session(c.Namespaces)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // how it ended is told by its log; this only reaps it
	}()
	return &Child{Name: c.Name, Log: c.Log, Ended: ended}, nil
}

// AddSelf records the calling process, so that EndAll ends it before the
// processes it starts.
func (t Table) AddSelf(name string) error {
	start, _, err := startTime(os.Getpid())
	if err != nil {
		return fmt.Errorf("record %s: %w", name, err)
	}
	line := fmt.Sprintf("%d %s\n", os.Getpid(), start)
	return os.WriteFile(filepath.Join(t.records(), name), []byte(line), 0o600)
}

// Remove deletes the record of a process that has ended.
func (t Table) Remove(name string) error {
	return os.Remove(filepath.Join(t.records(), name))
}

// List gives the recorded processes, running or not, by name.
func (t Table) List() ([]Process, error) {
	folders, err := filepath.Glob(t.records() + "*")
	if err != nil {
		return nil, err
	}
	var all []Process
	for _, folder := range folders {
		entries, err := os.ReadDir(folder)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			p, ok, err := read(filepath.Join(folder, e.Name()))
			if err != nil {
				return nil, err
			}
			if ok {
				all = append(all, p)
			}
		}
	}
	slices.SortFunc(all, func(a, b Process) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// read reads one record; ok is false when there is none (any more), or when
// its writer died before it was whole and so never became anything.
func read(path string) (p Process, ok bool, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Process{}, false, nil
	}
	if err != nil {
		return Process{}, false, err
	}
	pid, start, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	n, err := strconv.Atoi(pid)
	if strings.HasSuffix(path, ".new") || err != nil || n <= 1 || start == "" {
		return Process{}, false, nil
	}
	return Process{Name: filepath.Base(path), PID: n, start: start}, true, nil
}

// Seal moves the records aside. A program that was started but has not yet
// recorded itself can no longer do so, and gives up instead of running.
func (t Table) Seal() error {
	err := os.Rename(t.records(), fmt.Sprintf("%s.%d", t.records(), time.Now().UnixNano()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Running says whether the very process that was recorded still runs. One that
// has ended and waits to be reaped does not.
func (p Process) Running() bool {
	start, zombie, err := startTime(p.PID)
	return err == nil && !zombie && start == p.start
}

// Kill ends p at once and returns when it is gone.
func (p Process) Kill(ctx context.Context) error {
	return p.end(ctx, syscall.SIGKILL)
}

// Terminate asks p to end, and kills it after the grace period.
func (p Process) Terminate(ctx context.Context, grace time.Duration) error {
	short, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	err := p.end(short, syscall.SIGTERM)
	if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return err
	}
	return p.Kill(ctx)
}

func (p Process) end(ctx context.Context, sig os.Signal) error {
	// The handle pins the process: should its id be reused between the check
	// and the signal, the signal goes nowhere.
	handle, err := os.FindProcess(p.PID)
	if err != nil || !p.Running() {
		return nil
	}
	defer handle.Release()
	if err := handle.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end %s (process %d): %w", p.Name, p.PID, err)
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for p.Running() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the end of %s (process %d): %w", p.Name, p.PID, ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}
