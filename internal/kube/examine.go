package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/canarize/canarize/internal/readiness"
)

// Examined is what the cluster knows about a failure in a pod.
type Examined struct {
	readiness.Failure
	Log    []string // the last lines; of the run that ended, if the container crashed
	Events []string // the last warnings about the pod, oldest first
	// LogUnread and EventsUnread say why a part is missing; nil if none is.
	LogUnread, EventsUnread error
}

// Bounds of what is read about a failure.
const (
	logLines  = 10
	logBytes  = 256 << 10
	maxEvents = 3
)

// ExamineGrants returns what Examine needs besides the grants of a release.
func ExamineGrants() []Grant {
	return []Grant{{"", []string{"events"}, []string{"list"}}, {"", []string{"pods/log"}, []string{"get"}}}
}

// Examine reads what failed in the pods of workloads, the most telling failure first: their
// status, the ends of logs and the warnings about them. When ctx ends it returns what it
// has. A workload that does not exist, or lacks the labels, has no failures.
func (c *Cluster) Examine(ctx context.Context, workloads []Ref, labels map[string]string) ([]Examined, error) {
	var all []Examined
	var errs []error
	for _, w := range workloads {
		failures, err := c.failures(ctx, w, labels)
		errs = append(errs, err)
		for _, f := range failures {
			all = append(all, Examined{Failure: f})
		}
		c.readAbout(ctx, w.Namespace, all[len(all)-len(failures):])
	}
	return all, errors.Join(errs...)
}

func (c *Cluster) failures(ctx context.Context, workload Ref, labels map[string]string) ([]readiness.Failure, error) {
	object, err := c.Get(ctx, workload)
	if err != nil || object == nil {
		return nil, err
	}
	has := (&unstructured.Unstructured{Object: object}).GetLabels()
	for key, value := range labels {
		if has[key] != value {
			return nil, nil
		}
	}
	selector, err := SelectorOf(object)
	if err != nil {
		return nil, err
	}
	pods, err := c.List(ctx, Ref{Kind: "Pod", Namespace: workload.Namespace}, selector)
	return readiness.Failures(pods), err
}

// readAbout adds logs and warnings to failures. It asks for all of them at the same time.
func (c *Cluster) readAbout(ctx context.Context, namespace string, all []Examined) {
	var reading sync.WaitGroup
	defer reading.Wait()
	warned := map[string]bool{} // pods whose warnings are read, once each
	for i := range all {
		e := &all[i]
		if e.Logged {
			reading.Go(func() { e.Log, e.LogUnread = c.logEnd(ctx, namespace, e.Failure) })
		}
		if !warned[e.Pod] {
			warned[e.Pod] = true
			reading.Go(func() { e.Events, e.EventsUnread = c.warnings(ctx, namespace, e.UID) })
		}
	}
}

// logEnd returns the last lines of a container's log. It does not retry.
func (c *Cluster) logEnd(ctx context.Context, namespace string, f readiness.Failure) ([]string, error) {
	server, _, err := rest.DefaultServerUrlFor(c.config)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", c.config.Host, err)
	}
	where := server.JoinPath("api", "v1", "namespaces", namespace, "pods", f.Pod, "log")
	where.RawQuery = url.Values{
		"container": {f.Container}, "previous": {strconv.FormatBool(f.Previous)},
		// The kubelet counts limitBytes from the first of the last lines, so a small limit
		// would cut off the end.
		"tailLines": {strconv.Itoa(logLines)}, "limitBytes": {strconv.Itoa(logBytes)},
	}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, where.String(), nil)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, reasonOf(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, logBytes))
	if response.StatusCode != http.StatusOK {
		err = refusal(response.StatusCode, text)
		if apierrors.IsForbidden(err) {
			return nil, fmt.Errorf("it needs the verb get on pods/log: %w", err)
		}
		return nil, err
	}
	lines := endOf(string(text))
	if len(lines) > 0 { // an incomplete log is better than none
		err = nil
	}
	return lines, err
}

// colors matches the control sequences (ECMA-48) by which programs color their logs.
var colors = regexp.MustCompile("\x1b\\[[0-9;?]*[ -/]*[@-~]")

// endOf returns the last lines of a text without colors, white space at their ends, and
// empty lines.
func endOf(text string) []string {
	var lines []string
	for line := range strings.Lines(colors.ReplaceAllString(text, "")) {
		if line = strings.TrimRight(line, " \t\r\n"); line != "" {
			lines = append(lines, line)
		}
	}
	return lines[max(0, len(lines)-logLines):]
}

// warnings returns the last different warnings about a pod.
func (c *Cluster) warnings(ctx context.Context, namespace, uid string) ([]string, error) {
	about := fields.AndSelectors(fields.OneTermEqualSelector("involvedObject.uid", uid), fields.OneTermEqualSelector("type", "Warning"))
	items, err := c.list(ctx, schema.GroupVersionResource{Version: "v1", Resource: "events"}, namespace, metav1.ListOptions{FieldSelector: about.String()})
	if apierrors.IsForbidden(err) {
		return nil, fmt.Errorf("it needs the verb list on events: %w", err)
	}
	if err != nil {
		return nil, err
	}
	text := func(event map[string]any, path ...string) string {
		s, _, _ := unstructured.NestedString(event, path...)
		return s
	}
	seen := func(event map[string]any) string { // RFC 3339 in UTC, which sorts as text
		return cmp.Or(text(event, "series", "lastObservedTime"), text(event, "lastTimestamp"), text(event, "eventTime"), text(event, "metadata", "creationTimestamp"))
	}
	slices.SortStableFunc(items, func(a, b map[string]any) int { return cmp.Compare(seen(a), seen(b)) })
	var all []string
	for _, event := range slices.Backward(items) {
		words := strings.Join(strings.Fields(text(event, "message")), " ")
		words = strings.TrimSpace(strings.TrimSuffix(text(event, "reason")+": "+words, ": "))
		if len(all) < maxEvents && text(event, "involvedObject", "uid") == uid && text(event, "type") == "Warning" && !slices.Contains(all, words) {
			all = append(all, words)
		}
	}
	slices.Reverse(all)
	return all, nil
}
