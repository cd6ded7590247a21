package readiness

import (
	"fmt"
	"slices"
	"strings"
)

// Trouble is the reason why a pod is not ready, or how one of its containers crashed.
type Trouble struct {
	Pod       string
	Container string // "" for a trouble of the whole pod
	Reason    string // as Kubernetes names it: ImagePullBackOff, Unschedulable
	Message   string
	Restarts  int // of the container
}

func (t Trouble) String() string {
	where := "pod " + t.Pod
	if t.Container != "" {
		where += ", container " + t.Container
	}
	if t.Message == "" {
		return where + ": " + t.Reason
	}
	return fmt.Sprintf("%s: %s: %s", where, t.Reason, t.Message)
}

// starting lists waiting reasons of a container that are no trouble.
var starting = []string{"", "ContainerCreating", "PodInitializing"}

// notReady is our own reason for a container that runs without becoming ready.
const notReady = "NotReady"

// PodTrouble returns what keeps a pod from becoming ready: no node accepts it,
// an image cannot be pulled, or a container cannot be created, crashes, ends, or runs
// without becoming ready.
// A pod that is only starting or is being deleted has no trouble.
func PodTrouble(object map[string]any) (Trouble, bool) {
	o := fields(object)
	if o.condition("Ready").status == "True" {
		return Trouble{}, false
	}
	if t, found := wholePod(o); found {
		return t, true
	}
	for _, c := range containers(o) {
		if t := containerTrouble(c); t.Reason != "" {
			t.Pod = o.text("metadata", "name")
			return t, !o.has("metadata", "deletionTimestamp")
		}
	}
	for _, c := range o.list("status", "containerStatuses") {
		if c.has("state", "running") && c.value("ready") == false {
			return Trouble{Pod: o.text("metadata", "name"), Container: c.text("name"), Reason: notReady, Message: "it runs, but is not ready yet"}, !o.has("metadata", "deletionTimestamp")
		}
	}
	return Trouble{}, false
}

// wholePod returns the trouble of a pod as a whole.
func wholePod(o fields) (Trouble, bool) {
	t := Trouble{Pod: o.text("metadata", "name")}
	if o.has("metadata", "deletionTimestamp") {
		return t, false
	}
	if c := o.condition("PodScheduled"); c.status == "False" && c.reason == "Unschedulable" {
		t.Reason, t.Message = c.reason, c.message
		return t, true
	}
	if o.text("status", "phase") == "Failed" { // evicted, or its node is gone
		t.Reason, t.Message = o.text("status", "reason"), o.text("status", "message")
		return t, true
	}
	return t, false
}

// containers returns the status of every container, those that start first first.
func containers(o fields) []fields {
	return append(o.list("status", "initContainerStatuses"), o.list("status", "containerStatuses")...)
}

func containerTrouble(c fields) Trouble {
	t := Trouble{Container: c.text("name"), Restarts: c.number("restartCount")}
	last := ""
	if code, found := exitCode(c, "lastState"); found {
		last = fmt.Sprintf("the last run ended with exit code %d (%s)", code, c.text("lastState", "terminated", "reason"))
	}
	if reason := c.text("state", "waiting", "reason"); !slices.Contains(starting, reason) {
		t.Reason, t.Message = reason, joined(c.text("state", "waiting", "message"), last)
		if reason == "CrashLoopBackOff" && last != "" { // its own message only has names and a time
			t.Message = last
		}
		return t
	}
	if code, found := exitCode(c, "state"); found && code != 0 {
		t.Reason, t.Message = c.text("state", "terminated", "reason"), fmt.Sprintf("ended with exit code %d", code)
		return t
	}
	if running := c.has("state", "running"); running && last != "" && c.value("ready") == false {
		t.Reason, t.Message = "Restarted", last
	}
	return t
}

func exitCode(c fields, state string) (code int, found bool) {
	return c.number(state, "terminated", "exitCode"), c.has(state, "terminated")
}

// joined joins the texts that are not empty.
func joined(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(s string) bool { return s == "" }), "; ")
}
