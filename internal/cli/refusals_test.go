package cli

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
)

var aRelease = runner.Release{Namespace: "eu", Name: "shop"}

// TestEveryCodeHasAdvice: onRefusal covers every code of a refusal, and its advice names
// only existing verbs and flags.
func TestEveryCodeHasAdvice(t *testing.T) {
	verbs, flags := vocabulary(t)
	for _, code := range rollout.Codes() {
		advise, known := onRefusal[code]
		if !known {
			t.Errorf("%s: no advice", code)
			continue
		}
		for _, r := range []*rollout.Refusal{{Code: code}, {Code: code, Weight: 7, Limit: 50, Gate: "qa", Gates: []string{"cab"}}} {
			checkWords(t, advise("shop", r), verbs, flags)
		}
	}
	if len(onRefusal) != len(rollout.Codes()) {
		t.Errorf("%d codes have advice, out of %d", len(onRefusal), len(rollout.Codes()))
	}
}

// vocabulary returns all verbs and all flags.
func vocabulary(t *testing.T) (verbs, flags []string) {
	t.Helper()
	root := newRoot("canarize", Streams{})
	for _, cmd := range root.Commands() {
		verbs = append(verbs, cmd.Name())
		for flag := range strings.FieldsFuncSeq(cmd.Flags().FlagUsages(), func(r rune) bool { return strings.ContainsRune(" \n,=", r) }) {
			flags = append(flags, flag)
		}
	}
	return verbs, flags
}

var (
	aCommand = regexp.MustCompile(`canarize ([a-z]+)`)
	aFlag    = regexp.MustCompile(`--[a-z][-a-z]*`)
)

func checkWords(t *testing.T, text string, verbs, flags []string) {
	t.Helper()
	for _, found := range aCommand.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(verbs, found[1]) && found[1] != "that" {
			t.Errorf("%q: there is no verb %s", text, found[1])
		}
	}
	for _, flag := range aFlag.FindAllString(text, -1) {
		if !slices.Contains(flags, flag) {
			t.Errorf("%q: there is no flag %s", text, flag)
		}
	}
}

// TestAdvice: an error contains its advice exactly once, however deep the cause is.
func TestAdvice(t *testing.T) {
	forbidden := &kube.ForbiddenError{Ref: kube.Ref{Kind: "Service", Namespace: "eu", Name: "shop"}, Verb: "get", Err: errors.New("no")}
	tested := &rollout.Refusal{Code: rollout.RefusedCanaryChanged}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{errors.New("no"), ""},
		{runner.RefusedError{Refusal: &rollout.Refusal{Code: rollout.RefusedHeld}}, "run canarize reject shop, or repeat with --override-hold once the problem is solved"},
		{runner.StoppedError{Err: &rollout.Refusal{Code: rollout.Stopped, Because: "it failed", Err: tested}}, "run canarize reject shop and deploy again"},
		{errors.Join(errors.New("a"), fmt.Errorf("b: %w", forbidden), forbidden), "canarize rbac prints the permissions that are needed"},
		{&rollout.Refusal{Code: rollout.RefusedNoGateway, Err: forbidden}, "canarize rbac prints the permissions that are needed; name the gateway's namespace with --emissary-namespace, or repeat with --unverified"},
		{&kube.ConflictError{Fields: map[string][]string{"kubectl-edit": nil, "kubectl (scale)": nil}}, "put these changes into the manifests, leave the fields out, or undo the changes with --force-conflicts"},
		{&kube.ConflictError{Fields: map[string][]string{"kubectl-edit": nil, "helm": nil}}, "leave these fields out, or take them over with --force-conflicts"},
		{fmt.Errorf("apply: %w", &kube.ConflictError{}), "leave these fields out, or take them over with --force-conflicts"},
		{fmt.Errorf("nothing was changed: %w", &kube.InvalidError{Ref: kube.Ref{Kind: "Job", Namespace: "eu", Name: "a"}, Immutable: true, Err: errors.New("no")}), "delete it once it has ended (kubectl delete job a -n eu), give it a new name for every version, or leave it out of the manifests"},
		{&kube.InvalidError{Ref: kube.Ref{Kind: "Job", Namespace: "eu", Name: "a"}, Err: errors.New("no")}, ""},
		{&rollout.Refusal{Code: rollout.RefusedNotFollowing}, "mend that first; canarize doctor examines the gateway"},
		{&rollout.Refusal{Code: rollout.RefusedNoGatewayPod}, "check that Emissary runs there; --emissary-namespace names another namespace"},
		{&rollout.Refusal{Code: rollout.RefusedNotTaken}, "canarize traffic --live shows what Emissary does with the Mappings"},
		{fmt.Errorf("%w, and %w", runner.ErrInterrupted, runner.ErrExposed), "run canarize reject shop -n eu"},
		{fmt.Errorf("a: %w", runner.ErrChanged), "see canarize status shop, and run the command again"},
		{fmt.Errorf("a: %w", runner.ErrNotConfirmed), "run canarize reject shop and deploy again"},
		{runner.ErrRecordGone, "canarize doctor finds the leftovers of the canary"},
	} {
		if got := advice(aRelease, tt.err); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.err, got, tt.want)
		}
		if e := advisedEvent(aRelease, rollout.Event{Text: "x", Cause: tt.err}); e.Text != strings.TrimSuffix("x; "+tt.want, "; ") {
			t.Errorf("%v: the event says %q", tt.err, e.Text)
		}
	}
	if err := advised(aRelease, nil); err != nil {
		t.Errorf("advice about no error: %v", err)
	}
}

// TestRemedy: the advice to describe a workload stands where a command ends and leaves it,
// and not in an event, after which it may be deleted.
func TestRemedy(t *testing.T) {
	release := runner.Release{Namespace: "eu", Name: "shop"}
	err := runner.NotReadyError{Err: &kube.NotReadyError{Progress: kube.Progress{Ref: kube.Ref{Group: "apps", Kind: "Deployment", Namespace: "eu", Name: "shop-canary"}}, Reason: "no progress"}}
	const remedy = "; see kubectl describe deployment shop-canary -n eu"
	if got := advised(release, fmt.Errorf("held: %w", err)).Error(); !strings.HasSuffix(got, remedy) {
		t.Errorf("%s, expected %s at its end", got, remedy)
	}
	if got := advisedEvent(release, rollout.Event{}.WithText("wait for canary: %v", err)).Text; strings.Contains(got, "describe") {
		t.Errorf("event: %s", got)
	}
}
