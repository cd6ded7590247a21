package hub

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/redact"
	"github.com/canarize/canarize/internal/rollout"
)

// examineTime limits how long an ending waits for what the pods said. A call that ignores
// its context is left behind shortly afterwards, still within two seconds.
const examineTime = 1800 * time.Millisecond

// errExamined ends what Examine has no more time for.
var errExamined = fmt.Errorf("no answer within %s", examineTime)

// Examine implements runner.Examiner.
func (c *cluster) Examine(ctx context.Context, workloads []manifest.ID, labels map[string]string, secrets []map[string]any) []rollout.Trouble {
	ctx, stop := context.WithTimeoutCause(ctx, examineTime, errExamined)
	defer stop()
	found, err := c.kube.Examine(ctx, refs(workloads), labels)
	if err != nil {
		c.emit("the canary's pods could not be examined: %v", err)
	}
	known := secretValues(secrets)
	all := make([]rollout.Trouble, len(found))
	told := map[string]bool{}
	for i, f := range found {
		all[i] = rollout.Trouble{
			Pod: f.Pod, Container: f.Container, Reason: f.Reason, Message: redact.Known(f.Message, known...), Ended: f.Ended, ExitCode: f.Code, Restarts: f.Restarts,
			Log: masked(f.Log, known), Events: masked(f.Events, known), Unread: unread(f, told),
		}
	}
	return all
}

// unread says what could not be read, each thing once.
func unread(f kube.Examined, told map[string]bool) string {
	var all []string
	for _, part := range []struct {
		name string
		err  error
	}{{"the log", f.LogUnread}, {"the events", f.EventsUnread}} {
		if part.err == nil {
			continue
		}
		text := part.name + ": " + part.err.Error()
		if kube.IsForbidden(part.err) { // the same for every pod
			if told[part.name] {
				continue
			}
			told[part.name] = true
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

// masked masks secrets in lines.
func masked(lines []string, secrets []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = redact.Known(line, secrets...)
	}
	return out
}

// secretValues returns the content of Secrets, whole and line by line. A program may print
// it when it crashes.
func secretValues(secrets []map[string]any) (values []string) {
	for _, s := range secrets {
		data, _ := s["data"].(map[string]any)
		for _, encoded := range data {
			text, _ := encoded.(string)
			plain, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				continue
			}
			values = append(values, text, strings.TrimSpace(string(plain)))
			for line := range strings.Lines(string(plain)) {
				if line = strings.TrimSpace(line); len(line) >= minSecretLine {
					values = append(values, line)
				}
			}
		}
	}
	return values
}

// minSecretLine is the length from which a line of a secret is masked by itself. Shorter
// ones, such as "true", occur in any log.
const minSecretLine = 8
