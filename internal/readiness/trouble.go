package readiness

import (
	"fmt"
	"slices"
	"strings"
)

// Trouble is the reason why a pod is not ready.
type Trouble struct {
	Pod       string
	Container string // "" for a trouble of the whole pod
	Reason    string // as Kubernetes names it: ImagePullBackOff, Unschedulable
	Message   string
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

// PodTrouble returns what keeps a pod from becoming ready: no node accepts it,
// an image cannot be pulled, or a container cannot be created, crashes or ends.
// A pod that is only starting or is being deleted has no trouble.
func PodTrouble(object map[string]any) (Trouble, bool) {
	o := fields(object)
	t := Trouble{Pod: o.text("metadata", "name")}
	if o.has("metadata", "deletionTimestamp") || o.condition("Ready").status == "True" {
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
	for _, list := range []string{"initContainerStatuses", "containerStatuses"} {
		for _, c := range o.list("status", list) {
			if t.Reason, t.Message = containerTrouble(c); t.Reason != "" {
				t.Container = c.text("name")
				return t, true
			}
		}
	}
	return t, false
}

func containerTrouble(c fields) (reason, message string) {
	last := ""
	if code, found := exitCode(c, "lastState"); found {
		last = fmt.Sprintf("the last run ended with exit code %d (%s)", code, c.text("lastState", "terminated", "reason"))
	}
	if reason := c.text("state", "waiting", "reason"); !slices.Contains(starting, reason) {
		return reason, joined(c.text("state", "waiting", "message"), last)
	}
	if code, found := exitCode(c, "state"); found && code != 0 {
		return c.text("state", "terminated", "reason"), fmt.Sprintf("ended with exit code %d", code)
	}
	if running := c.has("state", "running"); running && last != "" && c.value("ready") == false {
		return "Restarted", last
	}
	return "", ""
}

func exitCode(c fields, state string) (code int, found bool) {
	return c.number(state, "terminated", "exitCode"), c.has(state, "terminated")
}

// joined joins the texts that are not empty.
func joined(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(s string) bool { return s == "" }), "; ")
}
