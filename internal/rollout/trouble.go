package rollout

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/redact"
)

// Trouble is what the cluster said about a container of the canary that crashed or did not
// become ready, or about a pod without a running container.
type Trouble struct {
	Pod       string `json:"pod"`
	Container string `json:"container,omitempty"` // "" for the whole pod
	// Reason is why it is not ready, as Kubernetes names it: ImagePullBackOff, NotReady.
	Reason  string `json:"reason"`
	Message string `json:"message,omitempty"`
	// Ended says how its last run ended: Error, OOMKilled; "" if none has. ExitCode is the
	// exit code of that run.
	Ended    string `json:"ended,omitempty"`
	ExitCode int    `json:"exitCode,omitempty"`
	Restarts int    `json:"restarts,omitempty"`
	// Log has the last lines that it wrote, of the run that ended if it crashed. Events are
	// the last warnings about the pod, oldest first; they have the answers of probes.
	Log    []string `json:"log,omitempty"`
	Events []string `json:"events,omitempty"`
	Unread string   `json:"unread,omitempty"` // what could not be read, and why
}

// Sentence says what is wrong, without what the container wrote.
func (t Trouble) Sentence() string {
	text := "pod " + t.Pod
	if t.Container != "" {
		text += ", container " + t.Container
	}
	switch {
	case t.Ended == "OOMKilled":
		text += fmt.Sprintf(": it was killed because it used more memory than its limit (OOMKilled, exit code %d)", t.ExitCode)
	case t.Ended != "":
		text += fmt.Sprintf(": it ended with exit code %d (%s)", t.ExitCode, t.Ended)
	default:
		text += ": " + t.Reason
	}
	if t.Restarts > 0 {
		text += fmt.Sprintf(", restarts: %d", t.Restarts)
	}
	if t.Message != "" {
		text += ": " + strings.Join(strings.Fields(t.Message), " ")
	}
	return text
}

// Lines describes a trouble for a person: what is wrong, then what the container wrote, then
// what the cluster says, each on its own line.
func (t Trouble) Lines() []string {
	lines := []string{t.Sentence()}
	for _, line := range t.Log {
		lines = append(lines, "  log: "+line)
	}
	for _, event := range t.Events {
		lines = append(lines, "  event: "+event)
	}
	if t.Unread != "" {
		lines = append(lines, "  not read: "+t.Unread)
	}
	return lines
}

// Bounds of what is kept of troubles, in bytes.
const (
	maxTroubles = 4 << 10 // all together, as JSON
	maxLogLine  = 200
	maxMessage  = 300 // of a message or an event
)

// keptTroubles returns troubles as they are stored: without secrets and bounded. What tells
// least goes first: the oldest lines and events, then the last troubles.
func keptTroubles(all []Trouble) []Trouble {
	all = slices.Clone(all)
	for i := range all {
		all[i] = all[i].kept()
	}
	for {
		text, err := json.Marshal(all)
		if err == nil && len(text) <= maxTroubles {
			return all
		}
		all = fewer(all)
	}
}

// kept masks secrets and bounds each text. A secret may have several lines.
func (t Trouble) kept() Trouble {
	for _, name := range []*string{&t.Pod, &t.Container, &t.Reason, &t.Ended} {
		*name = keptName(redact.Text(*name))
	}
	t.Message, t.Unread = kept(redact.Text(t.Message), maxMessage), kept(redact.Text(t.Unread), maxSaid)
	t.Log = keptLines(t.Log, maxLogLine)
	t.Events = keptLines(t.Events, maxMessage)
	return t
}

func keptLines(lines []string, limit int) []string {
	if len(lines) == 0 {
		return nil
	}
	var out []string
	for line := range strings.SplitSeq(redact.Text(strings.Join(lines, "\n")), "\n") {
		out = append(out, kept(line, limit))
	}
	return out
}

// fewer leaves out what tells least.
func fewer(all []Trouble) []Trouble {
	long := 0
	for i, t := range all {
		if len(t.Log)+len(t.Events) >= len(all[long].Log)+len(all[long].Events) {
			long = i
		}
	}
	switch t := &all[long]; {
	case len(t.Log) > leastLines:
		t.Log = t.Log[1:]
	case len(t.Events) > 1:
		t.Events = t.Events[1:]
	case len(all) > 1:
		return all[:len(all)-1]
	case len(t.Log) > 0:
		t.Log = t.Log[1:]
	default:
		t.Events = nil
	}
	return all
}

// leastLines is how many lines of a log stay, as long as there are several troubles.
const leastLines = 3

// Parked reports that the release is rejected, and its canary is kept without traffic.
func (s State) Parked() bool { return s.Kept && s.Phase == Rejecting && s.Verified == 0 }

// Examined reports what was found about the canary's pods.
type Examined struct{ Troubles []Trouble }

func (Examined) fact() {}

// examined stores what was found. What was found first is nearer to the cause.
func (t *transition) examined(found []Trouble) {
	if len(t.Troubles) == 0 && t.Phase.Active() && len(found) > 0 {
		t.Troubles = keptTroubles(found)
	}
}
