package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/ci"
	"github.com/canarize/canarize/internal/ci/azurepipelines"
	"github.com/canarize/canarize/internal/ci/github"
	"github.com/canarize/canarize/internal/gate"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/endpoint"
	"github.com/canarize/canarize/internal/metric/prometheus"
	"github.com/canarize/canarize/internal/metric/web"
	"github.com/canarize/canarize/internal/redact"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
	"github.com/canarize/canarize/internal/spool"
)

// token is a secret that must not appear in any output.
const token = "s3cr3t-C4nary-4711"

// leaks reports whether a text contains the token in any spelling.
func leaks(text string) bool {
	for _, spelling := range []string{token, "4711", url.QueryEscape(token), base64.StdEncoding.EncodeToString([]byte(token))} {
		if strings.Contains(text, spelling) {
			return true
		}
	}
	return false
}

// talkative is a server that repeats the token in the reason phrase, a header and the
// body.
func talkative(t *testing.T, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		fmt.Fprintf(c, "HTTP/1.1 403 %s is not known\r\nX-Token: %s\r\nContent-Length: %d\r\n\r\n%s", token, token, len(body), body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// gateErrors returns the errors of gates that received the token in some way.
func gateErrors(t *testing.T) map[string]error {
	t.Helper()
	t.Setenv("DEPLOY_TOKEN", token)
	keeper := gate.New(gate.Options{Release: "shop", Namespace: "eu", Environ: os.Environ, Wait: func(context.Context, time.Duration) error { return errors.New("over") }})
	t.Cleanup(keeper.Close)
	said := talkative(t, "you are "+token)
	closed := httptest.NewServer(nil)
	closed.Close()
	all := map[string]error{}
	for name, g := range map[string]rollout.Gate{
		"query":             {HTTP: said + "/ok?token=" + token},
		"query of no name":  {HTTP: said + "/ok?" + token},
		"userinfo":          {HTTP: strings.Replace(said, "://", "://user:"+token+"@", 1)},
		"query, refused":    {HTTP: closed.URL + "/ok?code=" + token},
		"userinfo, refused": {HTTP: strings.Replace(closed.URL, "://", "://user:"+token+"@", 1)},
		"no host":           {HTTP: "http://no host/?token=" + token},
		"output":            {Exec: []string{"sh", "-c", "echo \"token: " + token + "\"; exit 1"}},
		"output, header":    {Exec: []string{"sh", "-c", "echo 'Authorization: Bearer " + token + "' >&2; exit 1"}},
		"output, variable":  {Exec: []string{"sh", "-c", "echo \"I got $DEPLOY_TOKEN here\"; exit 1"}},
		"output, long":      {Exec: []string{"sh", "-c", "for i in $(seq 3000); do echo \"$i password=" + token + " $DEPLOY_TOKEN\"; done; exit 1"}},
	} {
		g.Name, g.Timeout = "smoke", time.Minute
		all["gate: "+name] = keeper.Ask(t.Context(), g)
	}
	return all
}

// sourceErrors returns the errors of metric sources that sent or received the token.
func sourceErrors(t *testing.T) map[string]error {
	t.Helper()
	all := map[string]error{}
	getenv := func(string) string { return token }
	for name, access := range map[string]metric.Access{
		"bearer":   {Bearer: metric.Secret{Env: "TOKEN"}},
		"password": {User: "me", Password: metric.Secret{Env: "TOKEN"}},
		"header":   {Headers: map[string]metric.Secret{"X-Token": {Env: "TOKEN"}}},
	} {
		access.Address = talkative(t, "no: "+token)
		server, err := endpoint.New(access, getenv, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, all["web: "+name] = web.New(server).Read(t.Context(), time.Time{}, time.Now())
		queries := []metric.Query{{Metric: metric.Metric{Name: "errors", Kind: metric.KindRatio}, Bad: metric.Selector{Name: "bad_total"}, Total: metric.Selector{Name: "all_total"}}}
		_, all["prometheus: "+name] = prometheus.New(server, prometheus.Options{Queries: queries}).Read(t.Context(), time.Now(), time.Now())
	}
	for name, body := range map[string]string{
		"its own": `{"status": "error", "errorType": "internal", "error": "remote read with Bearer ` + token + ` failed at https://u:` + token + `@store/read?key=` + token + `"}`,
		"no JSON": "token=" + token,
	} {
		answers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		t.Cleanup(answers.Close)
		server, err := endpoint.New(metric.Access{Address: answers.URL}, getenv, nil)
		if err != nil {
			t.Fatal(err)
		}
		queries := []metric.Query{{Metric: metric.Metric{Name: "errors", Kind: metric.KindRatio}, Bad: metric.Selector{Name: "bad_total"}, Total: metric.Selector{Name: "all_total"}}}
		_, all["prometheus, "+name] = prometheus.New(server, prometheus.Options{Queries: queries}).Read(t.Context(), time.Now(), time.Now())
		_, all["web, "+name] = web.New(server).Read(t.Context(), time.Time{}, time.Now())
	}
	return all
}

// clusterErrors returns errors of API servers, webhooks and credential plugins. Nothing
// has masked the secrets in them yet.
func clusterErrors() map[string]error {
	encoded := base64.StdEncoding.EncodeToString([]byte(token))
	return map[string]error{
		"API: value":        fmt.Errorf(`Secret eu/shop: Secret "shop" is invalid: data[pin]: Invalid value: "%s": must be short`, token),
		"API: number":       errors.New(`failed to create typed patch object (eu/shop; /v1, Kind=Secret): .stringData.pin: expected string, got &value.valueUnstructured{Value:4711}`),
		"API: object":       fmt.Errorf(`cannot patch {"apiVersion":"v1","kind":"Secret","data":{"a":"%s"},"stringData":{"b":4711}}`, encoded),
		"API: applied":      fmt.Errorf(`metadata.annotations: {"%s":"{\"kind\":\"Secret\",\"data\":{\"a\":\"%s\"}}"} is too long`, redact.LastApplied, encoded),
		"API: URL":          fmt.Errorf(`Get "https://admin:%s@api.example.com/api?token=%s": EOF`, token, token),
		"webhook":           fmt.Errorf(`admission webhook "policy" denied the request: env DB_PASSWORD=%s is not allowed`, token),
		"credential plugin": fmt.Errorf("getting credentials: exec: executable kubelogin failed: --client-secret=%s: exit status 1", token),
		"bearer":            fmt.Errorf("the server says: Authorization: Bearer %s", token),
		"JWT":               fmt.Errorf("token eyJhbGciOiJIUzI1NiJ9.%s.%s expired", encoded, token),
	}
}

// TestNoSecretComesOut sends a secret through every source of foreign text, and searches
// every output for it.
func TestNoSecretComesOut(t *testing.T) {
	all := clusterErrors()
	for name, err := range gateErrors(t) {
		all[name] = err
		if err == nil || leaks(err.Error()) {
			t.Errorf("%s: the error itself has it: %v", name, err)
		}
	}
	for name, err := range sourceErrors(t) {
		all[name] = err
		if err == nil || leaks(err.Error()) {
			t.Errorf("%s: the error itself has it: %v", name, err)
		}
	}
	for name, err := range all {
		for where, text := range outputs(t, fmt.Errorf("gate smoke refuses 5 %%: %w", err)) {
			if leaks(text) {
				t.Errorf("%s: it is in %s: %s", name, where, text)
			}
		}
	}
}

// outputs returns all output and stored text of a release that meets an error.
func outputs(t *testing.T, err error) map[string]string {
	t.Helper()
	out, now := map[string]string{}, time.Unix(1_700_000_000, 0)
	s := rollout.State{Schema: rollout.Schema, Phase: rollout.Shifting, Weight: 5, Peak: 5, Started: now}
	for _, fact := range []rollout.Fact{
		rollout.Failed{Action: rollout.Action{Kind: rollout.Verify}, Reason: err.Error()}, rollout.Ended{Cause: rollout.Broken, Reason: err.Error()}, rollout.ApprovalAwaited{Text: err.Error()},
		rollout.Judged{Look: rollout.Look{Reason: err.Error(), Verdict: "hold"}}, rollout.Request{Verb: rollout.Reject, Reason: rollout.Reason{Text: err.Error()}},
	} {
		s, _ = rollout.Next(rollout.Spec{Limit: 100}, s, rollout.Observation{Time: now, Fact: fact})
	}
	state, failed := json.Marshal(s)
	if failed != nil {
		t.Fatal(failed)
	}
	out["the record"] = string(state)
	for _, format := range []report.Format{report.Lines, report.JSON, report.Terminal} {
		var text bytes.Buffer
		printer := report.NewPrinter(&text, report.Style{Format: format, Escape: oneLine})
		for _, e := range s.History {
			printer.Print(e)
		}
		out["events as "+string(format)] = text.String()
	}
	r := report.Of("eu", "shop", s, now, "test")
	for _, format := range []string{"html", "markdown", "junit", "json"} {
		text, failed := rendered(r, format, 0)
		if failed != nil {
			t.Fatal(format, failed)
		}
		out["the report as "+format] = string(text)
	}
	explained := (&engineFlags{}).explain(t.Context(), runner.Release{Namespace: "eu", Name: "shop"}, s, err)
	_, message := conclusion(t.Context(), explained)
	out["the last line"] = message
	for name, system := range map[string]ci.System{
		"Azure Pipelines": azurepipelines.Agent{Getenv: os.Getenv, Write: func(_ string, summary []byte) (string, error) { out["the summary"] = string(summary); return "x", nil }},
		"GitHub Actions":  github.Runner{Output: func([]byte) error { return nil }, Summary: func([]byte) error { return nil }},
	} {
		var log bytes.Buffer
		follower := pipeline{system: system, log: &log, spool: spool.New(spool.Options{MaxDroppable: 1, Patience: time.Minute})}
		for _, e := range s.History {
			follower.notify(e)
		}
		_ = follower.fail(explained)
		follower.publish(runner.Release{Namespace: "eu", Name: "shop"}, s, false, Streams{})
		follower.spool.Flush()
		out["the log of "+name] = log.String()
	}
	return out
}

// TestNoSecretIsStored: the stored plan never contains the content of a Secret, whatever
// object holds it.
func TestNoSecretIsStored(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte(token))
	secret := map[string]any{"apiVersion": "v1", "kind": "Secret", "data": map[string]any{"a": encoded}, "stringData": map[string]any{"pin": 4711}}
	text, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]any{"annotations": map[string]any{redact.LastApplied: string(text)}}
	secret["metadata"] = kept
	objects := []map[string]any{
		secret, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": kept},
		{"apiVersion": "v1", "kind": "List", "items": []any{secret}},
	}
	packed, err := rollout.Plan{Stable: objects, Canary: objects}.Pack()
	if err != nil {
		t.Fatal(err)
	}
	plan, err := rollout.Unpack(packed)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := json.Marshal(plan)
	if err != nil || leaks(string(stored)) {
		t.Errorf("error %v: %s", err, stored)
	}
	if digest, err := rollout.Digest(objects); err != nil || !strings.Contains(string(text), encoded) || digest == "" {
		t.Error("the plan itself was changed", err)
	}
}

// TestNoSecretOfTheServer: a verb masks the secrets in errors of the API server, during
// retries and in its final message.
func TestNoSecretOfTheServer(t *testing.T) {
	for _, progress := range []string{"lines", "plain", "json", "terminal"} {
		t.Run(progress, func(t *testing.T) {
			t.Parallel()
			kubeconfig := busyServer(t, func(int64) {}, "proxy http://u:"+token+"@proxy/?key="+token+" says: Authorization: Bearer "+token)
			code, stdout, stderr := run(t.Context(), t, "", "reject", "shop", "-n", "eu", "--kubeconfig", kubeconfig, "--progress", progress, "--ci", "github")
			if code != exitOutside || leaks(stdout+stderr) || !strings.Contains(stderr, "proxy http://…@proxy/?key=… says") {
				t.Errorf("exit code %d: %s%s", code, stdout, stderr)
			}
		})
	}
}
