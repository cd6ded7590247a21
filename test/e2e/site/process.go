package site

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Process returns the process id of a component of the cluster ("kube-apiserver",
// "kubelet"), by its record.
func (s *Site) Process(component string) int {
	s.t.Helper()
	pid, err := Recorded(s.Dir, component)
	if err != nil {
		s.t.Fatal(err)
	}
	return pid
}

// Recorded does the same for the cluster in a folder.
func Recorded(dir, component string) (pid int, err error) {
	records, err := filepath.Glob(filepath.Join(dir, "processes", "[0-9][0-9]-"+component))
	if err != nil || len(records) != 1 {
		return 0, fmt.Errorf("records of %s: %v, %w", component, records, err)
	}
	record, err := os.ReadFile(records[0])
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.Fields(string(record))[0])
}

// InPod returns the process id of the only process in a pod with a program's path and
// settings of its environment.
func (s *Site) InPod(program string, env ...string) int {
	s.t.Helper()
	node := s.Process("node")
	var found []int
	all, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, exe := range all {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(exe)))
		if err != nil {
			s.t.Fatal(err)
		}
		if path, _ := os.Readlink(exe); path == program && descends(pid, node) && has(pid, env) { // an error means that the process has ended
			found = append(found, pid)
		}
	}
	if len(found) != 1 {
		s.t.Fatalf("processes %v run %s in a pod, expected one", found, program)
	}
	return found[0]
}

// has reports whether a process has settings in its environment.
func has(pid int, env []string) bool {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)) // an error means that the process has ended
	have := strings.Split(string(b), "\x00")
	for _, setting := range env {
		if !slices.Contains(have, setting) {
			return false
		}
	}
	return true
}

// descends reports whether a process is a descendant of another one.
func descends(pid, from int) bool {
	for pid > 1 && pid != from {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return false
		}
		_, fields, _ := strings.Cut(string(b), ") ") // after the name: state, parent
		if pid, err = strconv.Atoi(strings.Fields(fields)[1]); err != nil {
			return false
		}
	}
	return pid == from
}

// Kill kills a process at once, as kill -9 does.
func (s *Site) Kill(pid int) {
	s.t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		s.t.Fatalf("kill process %d: %v", pid, err)
	}
}
