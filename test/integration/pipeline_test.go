//go:build integration

package integration

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarize/canarize/test/faults"
)

// inAzure runs canarize as a step of Azure Pipelines does.
func (s shop) inAzure(t *testing.T, code int, args ...string) outcome {
	t.Helper()
	t.Setenv("BUILD_BUILDID", "42")
	t.Setenv("BUILD_BUILDNUMBER", "20260102.1")
	t.Setenv("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "https://dev.azure.com/shop/")
	t.Setenv("SYSTEM_TEAMPROJECT", "Web")
	t.Setenv("AGENT_TEMPDIRECTORY", t.TempDir())
	return s.expect(t, code, append(args, "--ci=azure-pipelines"))
}

// testPipeline releases as a pipeline does, and reads the output as the agent does.
func testPipeline(t *testing.T, s shop) {
	said := s.inAzure(t, 0, s.deploy(t, "v2")...).err
	for _, want := range []string{
		"##[group]canarize deploy " + s.namespace + "/shop\n", "\n##[endgroup]\n",
		"##vso[task.setprogress value=0;]the canary is ready and gets no traffic yet\n",
		"##vso[task.setvariable variable=canarize.release;isOutput=true;]shop\n", "variable=canarize.state;isOutput=true;]standing\n",
		"##vso[task.setvariable variable=canarize.plan;isOutput=true;]" + s.status(t).Plan[:12] + "\n",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in\n%s", want, said)
		}
	}
	path := regexp.MustCompile(`(?m)^##vso\[task.uploadsummary\](.+)$`).FindStringSubmatch(said)
	if path == nil {
		t.Fatalf("no summary in\n%s", said)
	}
	if text, err := os.ReadFile(path[1]); err != nil || !strings.HasPrefix(string(text), "## Release "+s.namespace+"/shop: standing\n") {
		t.Errorf("error %v, summary %s", err, text)
	}
	s.inAzure(t, 0, s.deploy(t, "v2")...) // repeating it begins no other release
	for _, o := range []map[string]any{s.get(t, s.ref("apps", "Deployment", "shop-canary")), s.get(t, s.ref("getambassador.io", "Mapping", "shop-canary"))} {
		annotations := (&unstructured.Unstructured{Object: o}).GetAnnotations()
		if annotations["azure-pipelines/run"] != "20260102.1" || annotations["azure-pipelines/runuri"] != "https://dev.azure.com/shop/Web/_build/results?buildId=42" {
			t.Errorf("%v", annotations)
		}
	}
	s.expect(t, 0, shift("10"))
	if said := s.inAzure(t, 0, "status", "shop").err; !strings.Contains(said, "variable=canarize.weight;isOutput=true;]10\n") {
		t.Error(said)
	}
	if said := s.inAzure(t, 0, promote...).err; !strings.Contains(said, "##vso[build.addbuildtag]shop-promoted\n") {
		t.Error(said)
	}
	report := s.expect(t, 0, []string{"report", "shop"}).out
	for _, want := range []string{"promoted shop:v1 → shop:v2 at ", "\n| 10 % | ", "registry.example.com/shop:v2", "promoted: stable is the new version and serves everything |"} {
		if !strings.Contains(report, want) {
			t.Errorf("%q is not in\n%s", want, report)
		}
	}
	if said := s.inAzure(t, 4, s.deploy(t, brokenTag)...).err; !regexp.MustCompile(`(?m)^##vso\[task.logissue type=error;code=CZ\d+;\]release .* is held: .*it crashes`).MatchString(said) ||
		!strings.Contains(said, "##vso[task.logissue type=warning;code=CZ2003;]") || !strings.Contains(said, "variable=canarize.state;isOutput=true;]held\n") {
		t.Error(said)
	}
	if said := s.inAzure(t, 0, "status").err; !strings.Contains(said, "##vso[task.logissue type=warning;code=CZ2003;]release "+s.namespace+"/shop: held: ") {
		t.Error(said)
	}
}

// testGitHub releases as a job of GitHub Actions does, and reads the output as the runner
// does.
func testGitHub(t *testing.T, s shop) {
	output, summary := filepath.Join(t.TempDir(), "output"), filepath.Join(t.TempDir(), "summary")
	t.Setenv("GITHUB_OUTPUT", output)
	t.Setenv("GITHUB_STEP_SUMMARY", summary)
	github := func(code int, args ...string) string {
		t.Helper()
		return s.expect(t, code, append(args, "--ci=github")).err
	}
	if said := github(0, s.deploy(t, "v2")...); !strings.HasPrefix(said, "::group::canarize deploy ") || !strings.Contains(said, "\n::endgroup::\n") {
		t.Error(said)
	}
	github(0, shift("10")...)
	if said := github(2, shift("0x")...); strings.Contains(said, "::group") {
		t.Errorf("a wrong command is not about a release:\n%s", said)
	}
	github(0, reject...)
	if said := github(2, promote...); !strings.Contains(said, "\n::error title=canarize CZ4008::release "+s.namespace+"/shop: there is no canary (the release is rejected)") {
		t.Error(said)
	}
	outputs, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"release<<end\nshop\nend\n", "state<<end\nstanding\nend\nweight<<end\n10\nend\n", "state<<end\nrejected\nend\nweight<<end\n0\nend\n"} {
		if !strings.Contains(string(outputs), want) {
			t.Errorf("%q is not in\n%s", want, outputs)
		}
	}
	if text, err := os.ReadFile(summary); err != nil || !strings.Contains(string(text), "## Release "+s.namespace+"/shop: rejected\n") {
		t.Errorf("error %v, summary %s", err, text)
	}
}

// watched is a step that an agent runs, in the environment of Azure Pipelines.
type watched struct {
	cmd       *exec.Cmd
	output    *os.File // the end of the pipe that the agent reads
	heard     *transcript
	temporary string // the folder of the agent
}

// step starts a step whose canarize raises the weight from 30 to 60 %, and returns when
// canarize waits for pods.
func (s shop) step(t *testing.T, script string) watched {
	t.Helper()
	s.stopped.Store(false)
	s.expect(t, 0, append(shift("30"), "--override-hold"))
	s.stopped.Store(true)
	proxy := faults.Start(t, s.kubeconfig, nil)
	w := s.handler(t, script, "SHIFT=shift shop --to 60 --timeout 1m -n "+s.namespace+" --kubeconfig "+proxy.Kubeconfig)
	deadline := time.Now().Add(time.Minute)
	for !strings.Contains(requests(proxy), "PATCH /apis/apps/v1/namespaces/"+s.namespace+"/deployments/shop-canary") {
		if time.Now().After(deadline) {
			t.Fatal("the shift did not come to its pods within a minute")
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.check(t, "v1", 30)
	return w
}

// handler starts a bash script as the handler of a step does.
func (s shop) handler(t *testing.T, script string, env ...string) watched {
	t.Helper()
	output, input, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	w := watched{cmd: exec.Command("bash", "-c", script), output: output, temporary: t.TempDir(), heard: &transcript{}}
	w.cmd.Env = append(os.Environ(), "TF_BUILD=True", "AGENT_TEMPDIRECTORY="+w.temporary, "CANARIZE="+s.canarize)
	w.cmd.Env = append(w.cmd.Env, env...)
	w.cmd.Stdout, w.cmd.Stderr = input, input
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = input.Close()
	go func() { _, _ = io.Copy(w.heard, output) }() // ends when output is closed
	t.Cleanup(func() { _ = output.Close() })
	return w
}

// off waits until the weight is 0, and returns how long that took.
func (s shop) off(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	until(t, "the weight is 0", func() bool { return s.weight(t) == 0 })
	return time.Since(began)
}

// The agent of Azure Pipelines waits 7.5 s from SIGINT to SIGTERM, and 2.5 s from SIGTERM
// to SIGKILL. These tests wait longer before they kill, so that a busy machine does not
// change their result.
const (
	untilTerm = 7500 * time.Millisecond
	untilKill = 2 * time.Minute
)

// cancel cancels a step as the agent does, and returns its exit code, or -1 if a signal
// killed it.
func (w watched) cancel(t *testing.T) int {
	t.Helper()
	ended, over := context.WithCancel(t.Context())
	go func() {
		defer over()
		_ = w.cmd.Wait() // the exit code says more
	}()
	for _, s := range []struct {
		signal os.Signal
		wait   time.Duration
	}{{os.Interrupt, untilTerm}, {syscall.SIGTERM, untilKill}, {os.Kill, time.Minute}} {
		if err := w.cmd.Process.Signal(s.signal); err != nil {
			break // it has ended
		}
		timer := time.NewTimer(s.wait)
		select {
		case <-ended.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
	<-ended.Done()
	return w.cmd.ProcessState.ExitCode()
}

// testCancelled cancels steps as the agent of Azure Pipelines does.
func testCancelled(t *testing.T, s shop) {
	s.expect(t, 0, s.deploy(t, "v2"))
	t.Run("exec", func(t *testing.T) {
		w := s.step(t, `exec "$CANARIZE" $SHIFT`)
		code := make(chan int, 1)
		go func() { code <- w.cancel(t) }()
		s.off(t)
		if have := <-code; have != 5 {
			t.Errorf("exit code %d, expected 5", have)
		}
	})
	t.Run("several signals at once", func(t *testing.T) {
		w := s.step(t, `exec "$CANARIZE" $SHIFT`)
		for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM, os.Interrupt, syscall.SIGHUP} {
			if err := w.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
		}
		s.off(t)
		_ = w.cmd.Wait()
		if have := w.cmd.ProcessState.ExitCode(); have != 5 {
			t.Errorf("exit code %d, expected 5", have)
		}
	})
	t.Run("without exec", func(t *testing.T) {
		// The shell does not forward SIGINT and dies of SIGTERM; only then does
		// canarize notice the cancellation.
		w := s.step(t, `"$CANARIZE" $SHIFT; echo goes on`)
		if have := w.cancel(t); have != -1 {
			t.Errorf("the shell ended with exit code %d", have)
		}
		s.off(t)
	})
	t.Run("closed output", func(t *testing.T) {
		// Only the handler is killed: the shell goes on, and nobody reads its output.
		w := s.step(t, `trap "" INT TERM; "$CANARIZE" $SHIFT; echo $? > "$AGENT_TEMPDIRECTORY/code"`)
		if err := w.output.Close(); err != nil {
			t.Fatal(err)
		}
		s.off(t)
		_ = w.cmd.Wait()
		w.wrote(t, 5)
	})
	s.stopped.Store(false)
	s.expect(t, 0, append(reject, "--if-active"))
	s.expect(t, 0, append(reject, "--if-active"))
	s.check(t, "v1", -1)
}

// wrote checks the exit code of canarize that a script wrote to a file.
func (w watched) wrote(t *testing.T, code int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.temporary, "code"))
	if err != nil || string(text) != fmt.Sprintln(code) {
		t.Errorf("exit code %s, error %v\n%s", text, err, w.heard)
	}
}

// testRunCancelled cancels the releasing step of templates/release-steps.yml as the agent
// of Azure Pipelines does, at ten random moments, counted in requests and lines: while it
// deploys (until about 30), while it changes the weight (45), and while it watches. The
// template's next step takes back what is left.
func testRunCancelled(t *testing.T, s shop, u *users) {
	var out struct{ Steps []azureStep }
	u.template(t, "release-steps.yml", "v2", slowly, nil, &out)
	var env []string
	for key, value := range out.Steps[0].Env {
		env = append(env, key+"="+value)
	}
	random, had := rand.New(rand.NewPCG(1, 2)), 0
	for n := range 10 {
		moment := 1 + random.IntN(90)
		script := out.Steps[0].Bash
		way := []string{"exec", "without exec", "closed output"}[n%3]
		switch way {
		case "without exec":
			script = strings.Replace(script, "exec ", "", 1) + "\necho goes on"
		case "closed output":
			script = `trap "" INT TERM; set +e` + strings.Replace(strings.Replace(script, "exec ", "", 1), "set -euo pipefail", "", 1) + `echo $? >"$AGENT_TEMPDIRECTORY/code"`
		}
		proxy := faults.Start(t, s.kubeconfig, nil)
		w := s.handler(t, script, append(env, "KUBECONFIG="+proxy.Kubeconfig)...)
		until(t, "it is that far", func() bool {
			return len(proxy.Requests())+strings.Count(w.heard.String(), "\n") >= moment
		})
		weight := s.weight(t)
		if weight > 0 {
			had++
		}
		var took time.Duration
		switch way {
		case "exec":
			code := make(chan int, 1)
			go func() { code <- w.cancel(t) }()
			took = s.off(t)
			if have := <-code; have != 5 {
				t.Errorf("exit code %d, expected 5\n%s", have, w.heard)
			}
		case "without exec": // canarize notices it when its shell dies of SIGTERM
			if have := w.cancel(t); have != -1 {
				t.Errorf("the shell ended with exit code %d\n%s", have, w.heard)
			}
			took = s.off(t)
		case "closed output":
			_ = w.output.Close()
			took = s.off(t)
			_ = w.cmd.Wait() // the exit code is in the file
			w.wrote(t, 5)
		}
		t.Logf("%s, at %d: %d %%, and 0 %% %s later", way, moment, weight, took.Round(time.Millisecond))
		s.expect(t, 0, append(reject, "--if-active"))
		s.check(t, "v1", -1)
	}
	if had < 2 || had > 8 {
		t.Errorf("the canary had traffic in %d of ten moments", had)
	}
}
