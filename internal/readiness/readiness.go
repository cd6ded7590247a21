// Package readiness judges from an object alone whether the cluster has done
// what the object asks for. It is pure: it takes an object and returns a
// status.
//
// The rules are those of kubectl rollout status and the conventions for
// conditions (Ready, Stalled, Reconciling, observedGeneration).
package readiness

import (
	"fmt"
	"strings"
)

// Phase is how far the cluster has got with an object.
type Phase string

// The phases of an object.
const (
	InProgress  Phase = "InProgress"
	Current     Phase = "Current"     // done
	Failed      Phase = "Failed"      // cannot continue without help
	Terminating Phase = "Terminating" // is being deleted
)

// Status describes how far the cluster has got with one object.
type Status struct {
	Phase Phase
	// Message says what is missing or wrong, as part of a sentence. It is
	// empty when the phase is Current.
	Message string
}

// Compute returns the status of an object decoded from JSON. An object of a
// kind without its own rule is current unless a condition says otherwise.
func Compute(object map[string]any) Status {
	o := fields(object)
	if o.text("metadata", "deletionTimestamp") != "" {
		return Status{Terminating, "is being deleted"}
	}
	if o.number("metadata", "generation") > o.number("status", "observedGeneration") && o.has("status", "observedGeneration") {
		return waiting("its controller has not seen the latest change yet")
	}
	if rule, found := rules[kindOf(o)]; found {
		return rule(o)
	}
	return generic(o)
}

// HasPods reports whether objects of this kind create pods whose troubles
// explain why the object is not ready.
func HasPods(object map[string]any) bool {
	kind := kindOf(fields(object))
	_, found := rules[kind]
	return found && kind != "Pod"
}

var (
	current = Status{Phase: Current}
	rules   = map[string]func(fields) Status{
		"Deployment.apps": deployment, "StatefulSet.apps": statefulSet, "DaemonSet.apps": daemonSet,
		"ReplicaSet.apps": replicaSet, "Job.batch": job, "Pod": pod,
	}
)

func kindOf(o fields) string {
	group, _, found := strings.Cut(o.text("apiVersion"), "/")
	if !found {
		return o.text("kind")
	}
	return o.text("kind") + "." + group
}

func waiting(format string, args ...any) Status {
	return Status{InProgress, fmt.Sprintf(format, args...)}
}

func deployment(o fields) Status {
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
		return waiting("%d old pods are still terminating", all-updated)
	case available < updated:
		return waiting("%d of %d pods are available%s", available, updated, trouble)
	}
	return current
}

func statefulSet(o fields) Status {
	if !o.has("status", "observedGeneration") {
		return waiting("no controller has seen it yet")
	}
	want := o.numberOr(1, "spec", "replicas")
	if o.text("spec", "updateStrategy", "type") == "OnDelete" {
		return current // OnDelete: pods change only when somebody deletes them
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
		return waiting("%d pods are still terminating", o.number("status", "replicas")-want)
	}
	return current
}

func daemonSet(o fields) Status {
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

func replicaSet(o fields) Status {
	if c := o.condition("ReplicaFailure"); c.status == "True" {
		return waiting("%s", c.text())
	}
	want, available := o.numberOr(1, "spec", "replicas"), o.number("status", "availableReplicas")
	switch all := o.number("status", "replicas"); {
	case available < want:
		return waiting("%d of %d pods are available", available, want)
	case all > want:
		return waiting("%d pods are still terminating", all-want)
	}
	return current
}

func job(o fields) Status {
	if c := o.condition("Failed"); c.status == "True" {
		return Status{Failed, c.text()}
	}
	if o.condition("Complete").status == "True" {
		return current
	}
	return waiting("it has not completed yet")
}

func pod(o fields) Status {
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

func generic(o fields) Status {
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

// Progress returns a number that grows as the cluster gets on with an object:
// when pods of the new version appear and when pods become available. Only a
// number above the highest so far is progress, because crashing pods become
// ready again and again.
func Progress(object map[string]any) int {
	o := fields(object)
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
