// Package readiness judges from an object alone whether the cluster has done what
// the object asks for. It is pure: an object in, a status out.
//
// The rules are those of kubectl rollout status and of the conventions for
// conditions (Ready, Stalled, Reconciling, observedGeneration).
package readiness

import (
	"fmt"
	"strings"
)

// Phase says how far the cluster is.
type Phase string

// The phases an object can be in.
const (
	InProgress  Phase = "InProgress"
	Current     Phase = "Current"     // done
	Failed      Phase = "Failed"      // will not be done without somebody's help
	Terminating Phase = "Terminating" // is being deleted
)

// Status is how far the cluster is with one object.
type Status struct {
	Phase Phase
	// Message says what is awaited or wrong, as a part of a sentence; it is
	// empty when the phase is Current.
	Message string
}

// Compute judges an object as JSON decodes it. A kind without a rule of its own is
// current when no condition says otherwise.
func Compute(object map[string]any) Status {
	o := view(object)
	if o.text("metadata", "deletionTimestamp") != "" {
		return Status{Terminating, "is being deleted"}
	}
	if o.number("metadata", "generation") > o.number("status", "observedGeneration") && o.has("status", "observedGeneration") {
		return waiting("the latest change has not been seen yet")
	}
	if rule, found := rules[kindOf(o)]; found {
		return rule(o)
	}
	return generic(o)
}

// HasPods says whether objects of this kind make pods whose troubles explain why
// they are not ready.
func HasPods(object map[string]any) bool {
	kind := kindOf(view(object))
	_, found := rules[kind]
	return found && kind != "Pod"
}

var (
	current = Status{Phase: Current}
	rules   = map[string]func(view) Status{
		"Deployment.apps": deployment, "StatefulSet.apps": statefulSet, "DaemonSet.apps": daemonSet,
		"ReplicaSet.apps": replicaSet, "Job.batch": job, "Pod": pod,
	}
)

func kindOf(o view) string {
	group, _, found := strings.Cut(o.text("apiVersion"), "/")
	if !found {
		return o.text("kind")
	}
	return o.text("kind") + "." + group
}

func waiting(format string, args ...any) Status {
	return Status{InProgress, fmt.Sprintf(format, args...)}
}

func deployment(o view) Status {
	if !o.has("status", "observedGeneration") {
		return waiting("no controller has seen it yet")
	}
	if c := o.condition("Progressing"); c.reason == "ProgressDeadlineExceeded" {
		return Status{Failed, "no progress for " + fmt.Sprint(o.numberOr(600, "spec", "progressDeadlineSeconds")) + " s: " + c.text()}
	}
	want := o.numberOr(1, "spec", "replicas")
	updated, available := o.number("status", "updatedReplicas"), o.number("status", "availableReplicas")
	trouble := ""
	if c := o.condition("ReplicaFailure"); c.status == "True" {
		trouble = ": " + c.text()
	}
	switch all := o.number("status", "replicas"); {
	case updated < want:
		return waiting("%d of %d pods are of the new version%s", updated, want, trouble)
	case all > updated:
		return waiting("%d old pods are still ending", all-updated)
	case available < updated:
		return waiting("%d of %d pods are available%s", available, updated, trouble)
	}
	return current
}

func statefulSet(o view) Status {
	if !o.has("status", "observedGeneration") {
		return waiting("no controller has seen it yet")
	}
	want := o.numberOr(1, "spec", "replicas")
	if o.text("spec", "updateStrategy", "type") == "OnDelete" {
		return current // whoever deletes the pods decides when
	}
	ready, updated := o.number("status", "readyReplicas"), o.number("status", "updatedReplicas")
	expected := max(0, want-o.number("spec", "updateStrategy", "rollingUpdate", "partition"))
	switch {
	case ready < want:
		return waiting("%d of %d pods are ready", ready, want)
	case updated < expected:
		return waiting("%d of %d pods are of the new version", updated, expected)
	case expected == want && o.text("status", "currentRevision") != o.text("status", "updateRevision"):
		return waiting("the old revision is still there")
	case o.number("status", "replicas") > want:
		return waiting("%d pods are still ending", o.number("status", "replicas")-want)
	}
	return current
}

func daemonSet(o view) Status {
	if !o.has("status", "observedGeneration") {
		return waiting("no controller has seen it yet")
	}
	if o.text("spec", "updateStrategy", "type") == "OnDelete" {
		return current
	}
	want := o.number("status", "desiredNumberScheduled")
	updated, available := o.number("status", "updatedNumberScheduled"), o.number("status", "numberAvailable")
	switch {
	case updated < want:
		return waiting("%d of %d pods are of the new version", updated, want)
	case available < want:
		return waiting("%d of %d pods are available", available, want)
	}
	return current
}

func replicaSet(o view) Status {
	if c := o.condition("ReplicaFailure"); c.status == "True" {
		return waiting("%s", c.text())
	}
	want, available := o.numberOr(1, "spec", "replicas"), o.number("status", "availableReplicas")
	switch all := o.number("status", "replicas"); {
	case available < want:
		return waiting("%d of %d pods are available", available, want)
	case all > want:
		return waiting("%d pods are still ending", all-want)
	}
	return current
}

func job(o view) Status {
	if c := o.condition("Failed"); c.status == "True" {
		return Status{Failed, c.text()}
	}
	if o.condition("Complete").status == "True" {
		return current
	}
	return waiting("it has not completed yet")
}

func pod(o view) Status {
	switch o.text("status", "phase") {
	case "Succeeded":
		return current
	case "Failed":
		return Status{Failed, "it has failed"}
	}
	if o.condition("Ready").status == "True" {
		return current
	}
	if t, found := PodTrouble(o); found {
		return waiting("%s", t)
	}
	return waiting("it is not ready yet")
}

func generic(o view) Status {
	if c := o.condition("Stalled"); c.status == "True" {
		return Status{Failed, c.text()}
	}
	if c := o.condition("Reconciling"); c.status == "True" {
		return waiting("%s", c.text())
	}
	if c := o.condition("Ready"); c.status != "" && c.status != "True" {
		return waiting("%s", c.text())
	}
	return current
}

// Progress grows when the cluster gets on with an object: by pods that are of the
// new version, and by pods that have become available. Only a number that was not
// reached before is progress, because pods that crash are ready again and again.
func Progress(object map[string]any) int {
	o := view(object)
	sum := 0
	for _, field := range []string{
		"updatedReplicas", "readyReplicas", "availableReplicas", // Deployment, StatefulSet, ReplicaSet
		"updatedNumberScheduled", "numberAvailable", // DaemonSet
		"succeeded", // Job
	} {
		sum += o.number("status", field)
	}
	return sum
}
