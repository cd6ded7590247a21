package readiness

import (
	"cmp"
	"slices"
	"strings"
)

// Failure is a container that crashed or does not become ready, or a pod without a running
// container, with what tells where to look for the cause.
type Failure struct {
	Trouble
	UID string // of the pod
	// Ended says how the last run of the container ended, as Kubernetes names it: Error,
	// OOMKilled; "" if none has. Code is its exit code.
	Ended string
	Code  int
	// Logged reports that the container has run, so that there is a log. Previous reports
	// that Kubernetes knows the run that ended as the one before.
	Logged, Previous bool
}

// Bounds of Failures.
const (
	maxPods       = 3
	maxContainers = 2 // of a pod
)

// Failures returns what failed in the pods of a workload, first what tells most: crashes,
// then containers that cannot start, then those that do not become ready, then pods without
// a node. It names at most three pods and two containers of each. Pods of older versions
// count only if those of the newest have no failure.
func Failures(pods []map[string]any) []Failure {
	all := failures(Newest(pods))
	if len(all) == 0 {
		all = failures(pods)
	}
	slices.SortStableFunc(all, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(b.Restarts, a.Restarts), strings.Compare(a.Pod, b.Pod))
	})
	of := map[string]int{}
	return slices.DeleteFunc(all, func(f Failure) bool {
		n, known := of[f.Pod]
		if n == maxContainers || !known && len(of) == maxPods {
			return true
		}
		of[f.Pod]++
		return false
	})
}

func failures(pods []map[string]any) []Failure {
	var all []Failure
	for _, p := range pods {
		o := fields(p)
		uid, name := o.text("metadata", "uid"), o.text("metadata", "name")
		if t, found := wholePod(o); found {
			all = append(all, Failure{Trouble: t, UID: uid})
		}
		for _, c := range containers(o) {
			if f, found := containerFailure(c); found {
				f.Pod, f.UID = name, uid
				all = append(all, f)
			}
		}
	}
	return all
}

func containerFailure(c fields) (Failure, bool) {
	f := Failure{Trouble: containerTrouble(c)}
	runs := c.has("state", "running")
	for _, state := range []string{"lastState", "state"} { // the later one wins
		if code, found := exitCode(c, state); found && (code != 0 || f.Reason != "") {
			f.Ended, f.Code = c.text(state, "terminated", "reason"), code
			f.Ended = cmp.Or(f.Ended, "Error")
			f.Message = c.text(state, "terminated", "message") // which the program itself left
			f.Logged, f.Previous = true, state == "lastState"
		}
	}
	switch {
	case f.Ended != "":
		f.Reason = cmp.Or(f.Reason, f.Ended)
		return f, true
	case f.Reason != "":
		return f, true
	case runs && c.value("ready") == false:
		f.Reason, f.Message, f.Logged = notReady, "it runs, but is not ready", true
		return f, true
	}
	return f, false
}

// rank is smaller for a failure that tells more.
func (f Failure) rank() int {
	switch {
	case f.Ended != "":
		return 0
	case f.Reason == notReady:
		return 2
	case f.Container == "":
		return 3
	}
	return 1
}
