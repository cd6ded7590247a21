// Package process starts programs that outlive their starter. Another program can end them
// by process id, even hours later, and never ends an unrelated process that got the same id
// since.
//
// Each program writes its own record (process id and start time) before it execs the
// program to run. So no program runs unrecorded, even if its starter is killed.
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
	proc string // the mount point of this machine's /proc
}

// Process is one recorded process.
type Process struct {
	Name  string
	PID   int
	start string // from startTime; distinguishes a process from a later one with its id
}

// Child is a process started by this program.
type Child struct {
	Name  string
	Log   string          // the file of its output
	Ended <-chan struct{} // closed when it has ended
}

// Command describes a program to start.
type Command struct {
	Name string // unique in the table, a file name
	Path string
	Args []string
	Log  string // file its output is appended to

	// Namespaces are the flags of clone(2) for its own Linux namespaces. With a
	// process namespace everything it has started ends with it.
	Namespaces uintptr
}

// NewTable creates the folder for the records inside dir. It fails with fs.ErrExist if dir
// has one already.
func NewTable(dir string) (Table, error) {
	t := OpenTable(dir)
	if err := os.Mkdir(t.records(), 0o700); err != nil {
		return Table{}, err
	}
	return t, nil
}

// OpenTable opens the table that NewTable created in dir.
func OpenTable(dir string) Table { return Table{dir: dir, proc: "/proc"} }

// Through returns the same table for a program in its own namespace, where proc is the mount
// point of this machine's /proc, with the process ids of this machine.
func (t Table) Through(proc string) Table { return Table{dir: t.dir, proc: proc} }

func (t Table) records() string { return filepath.Join(t.dir, recordsName) }

// Start starts c in its own session.
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
		_ = cmd.Wait() // only reaps it; its log shows how it ended
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

// List returns the recorded processes, running or not, by name.
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

// read reads one record. ok is false if there is none (any more), or if its writer died
// before the record was complete and so never started the program.
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

// Seal moves the records away. A started program that has not recorded itself yet can no
// longer do so, and exits instead of running.
func (t Table) Seal() error {
	err := os.Rename(t.records(), fmt.Sprintf("%s.%d", t.records(), time.Now().UnixNano()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Running reports whether exactly the recorded process still runs. A process that has ended
// and waits to be reaped does not run.
func (p Process) Running() bool {
	start, zombie, err := startTime(p.PID)
	return err == nil && !zombie && start == p.start
}

// Kill kills p and returns when it is gone.
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
	// The handle pins the process: if its id is reused between the check and the
	// signal, the signal reaches no process.
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
