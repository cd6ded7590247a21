package readiness

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// outlook says what becomes of troubles with some reasons, if nobody helps.
type outlook struct {
	reasons []string
	// says has words that the message of a lasting trouble contains; empty for all messages.
	says []string
	// restarts is how often the container has to have restarted.
	restarts int
	// after is how long a lasting trouble is watched: what looks lasting may have been read
	// from an old status.
	after time.Duration
	// awaits names what may still end the trouble.
	awaits string
}

// outlooks is searched for the first row that fits. A trouble in no row may pass.
var outlooks = []outlook{
	{reasons: []string{"InvalidImageName"}, after: settled},
	{reasons: []string{"ErrImageNeverPull"}, after: time.Minute, awaits: "the image on the node"},
	{reasons: pulls, says: unpullable, after: time.Minute, awaits: "the next attempt to pull the image"},
	{reasons: []string{"CreateContainerConfigError"}, after: time.Minute, awaits: "the configuration of the container"},
	{reasons: []string{"CrashLoopBackOff"}, restarts: maxRestarts, after: settled, awaits: "the next start of the container"},
}

// awaited names what troubles that may pass wait for.
var awaited = map[string]string{
	"Unschedulable": "a node with room for the pod", "ErrImagePull": "the registry", "ImagePullBackOff": "the registry",
	"CreateContainerConfigError": "the configuration of the container", "CrashLoopBackOff": "the next start of the container",
	notReady: "the container to become ready",
}

const (
	settled = 5 * time.Second
	// maxRestarts is how often a container may restart: the kubelet waits 10, 20 and 40
	// seconds before these restarts.
	maxRestarts = 3
)

var pulls = []string{"ErrImagePull", "ImagePullBackOff"}

// unpullable has words of container runtimes and registries for an image that another
// attempt will not pull.
var unpullable = []string{
	"not found", "manifest unknown", "name unknown", "does not exist", "no match for platform", "no matching manifest",
	"denied", "unauthorized", "not authorized", "authorization failed", "authentication required", "forbidden",
}

// passing has words for faults that pass by themselves, whatever else a message says.
var passing = []string{
	"timeout", "timed out", "deadline exceeded", "connection refused", "connection reset", "no such host", "unexpected eof",
	"too many requests", "toomanyrequests", "temporary failure", "server misbehaving", "qps exceeded", "failed to sync",
	"internal server error", "bad gateway", "service unavailable", "no route to host", "network is unreachable",
}

// Lasting reports whether a trouble will not pass by itself, and after which time a wait
// for it should end.
func (t Trouble) Lasting() (after time.Duration, lasts bool) {
	o, found := t.outlook()
	if !found || t.Restarts < o.restarts {
		return 0, false
	}
	return o.after, true
}

func (t Trouble) outlook() (outlook, bool) {
	says := func(words []string) bool {
		message := strings.ToLower(t.Message)
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(message, word) })
	}
	at := slices.IndexFunc(outlooks, func(o outlook) bool {
		return slices.Contains(o.reasons, t.Reason) && (len(o.says) == 0 || says(o.says))
	})
	if at < 0 || t.Reason != "CrashLoopBackOff" && says(passing) {
		return outlook{}, false
	}
	return outlooks[at], true
}

// Awaits says what may still end the trouble, and when the wait ends otherwise; "" if
// nothing is known about it.
func (t Trouble) Awaits() string {
	o, found := t.outlook()
	switch {
	case !found && awaited[t.Reason] == "":
		return ""
	case !found:
		return "waiting for " + awaited[t.Reason]
	case o.awaits == "":
		return "this does not pass by itself"
	case o.restarts > 0:
		return fmt.Sprintf("waiting for %s, up to %d restarts", o.awaits, o.restarts)
	}
	return fmt.Sprintf("waiting for %s, up to %s", o.awaits, o.after)
}

// Resembles reports whether two troubles are the same one at two times.
func (t Trouble) Resembles(other Trouble) bool {
	same := t.Reason == other.Reason || slices.Contains(pulls, t.Reason) && slices.Contains(pulls, other.Reason)
	return same && t.Pod == other.Pod && t.Container == other.Container
}

// Remembering returns a trouble with what an earlier one said. A kubelet alternates between
// ErrImagePull, which has the answer of the registry, and ImagePullBackOff, which on older
// ones has not.
func (t Trouble) Remembering(before Trouble) Trouble {
	if t.Reason != "ImagePullBackOff" || !t.Resembles(before) || strings.Contains(t.Message, "ErrImagePull") {
		return t
	}
	if said := strings.TrimPrefix(before.Message, t.Message); said != "" {
		t.Message = joined(t.Message, strings.TrimPrefix(said, "; "))
	}
	return t
}

// Newest returns the pods of a workload's newest version: those with the revision of the
// pod that was created last. Pods of older versions may be as broken as they like. Of two
// versions that began in the same second it returns none.
func Newest(pods []map[string]any) []map[string]any {
	latest, revisions := "", map[string]bool{}
	for _, p := range pods {
		created, revision := fields(p).text("metadata", "creationTimestamp"), revision(p) // RFC 3339 in UTC, which sorts as text
		if created > latest {
			latest, revisions = created, map[string]bool{}
		}
		if created == latest {
			revisions[revision] = true
		}
	}
	if len(revisions) != 1 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(pods), func(p map[string]any) bool { return !revisions[revision(p)] })
}

// revision returns which version of its workload a pod has.
func revision(pod map[string]any) string {
	labels := fields(pod)
	if hash := labels.text("metadata", "labels", "pod-template-hash"); hash != "" {
		return hash
	}
	return labels.text("metadata", "labels", "controller-revision-hash")
}

// Rolling reports whether a workload's controller has seen its latest version and made pods
// of it.
func Rolling(object map[string]any) bool {
	o := fields(object)
	seen := o.number("status", "observedGeneration") >= o.number("metadata", "generation")
	return seen && o.number("status", "updatedReplicas")+o.number("status", "updatedNumberScheduled") > 0
}

// Ready reports whether a pod is ready.
func Ready(pod map[string]any) bool { return fields(pod).condition("Ready").status == "True" }
