package pipelines

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// fakeCluster is a folder with a file for everything that is remembered: stable,
// the weight of a canary that is there, and events, what was done in words that a
// test can compare.
type fakeCluster struct{ folder string }

func (c fakeCluster) read(name string) (text string, found bool) {
	data, err := os.ReadFile(filepath.Join(c.folder, name))
	return string(data), err == nil
}

func (c fakeCluster) write(name, text string) error {
	return os.WriteFile(filepath.Join(c.folder, name), []byte(text), 0o600)
}

func (c fakeCluster) event(format string, arguments ...any) error {
	file, err := os.OpenFile(filepath.Join(c.folder, "events"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, format+"\n", arguments...)
	return errors.Join(err, file.Close())
}

// request is a command line: the words and the flags, which in this project's
// pipeline are long and, but for a few switches, have a value.
type request struct {
	words []string
	flags map[string]string
}

func parse(arguments []string) request {
	r := request{flags: map[string]string{}}
	for i := 0; i < len(arguments); i++ {
		name, isFlag := strings.CutPrefix(arguments[i], "--")
		before, value, joined := strings.Cut(name, "=")
		switch {
		case !isFlag:
			r.words = append(r.words, arguments[i])
		case joined:
			r.flags[before] = value
		case slices.Contains([]string{"ignore-not-found", "if-active"}, name):
			r.flags[name] = "true"
		case i+1 < len(arguments):
			i++
			r.flags[name] = arguments[i]
		}
	}
	return r
}

// play does what the pipeline needs of a program of that name, and fails at all else.
func play(program string, arguments []string, stdout, stderr io.Writer) int {
	c, r := fakeCluster{os.Getenv("FAKE_CLUSTER")}, parse(arguments)
	verbs := map[string]func(request, io.Writer) error{
		"kubectl get": c.get, "kubectl apply": c.apply, "kubectl rollout": c.rollout, "kubectl port-forward": c.forward,
		"canarize deploy": c.deploy, "canarize shift": c.shift, "canarize promote": c.promote, "canarize reject": c.reject,
	}
	do, known := verbs[program+" "+r.words[0]]
	err := fmt.Errorf("%q is not known", arguments)
	if known {
		err = do(r, stdout)
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "fake %s: %v\n", program, err)
		return 4
	}
	return 0
}

func (c fakeCluster) get(r request, stdout io.Writer) error {
	if r.words[1] != "deployment" || r.words[2] != "sampleapp" || r.flags["ignore-not-found"] == "" {
		return fmt.Errorf("get %q", r.words)
	}
	if _, installed := c.read("stable"); !installed {
		return nil
	}
	_, err := fmt.Fprintln(stdout, "deployment.apps/sampleapp")
	return err
}

func (c fakeCluster) apply(r request, _ io.Writer) error {
	if r.flags["filename"] != "release/manifests" {
		return fmt.Errorf("apply %q", r.flags)
	}
	return errors.Join(c.write("stable", oldImage), c.event("stable"))
}

func (c fakeCluster) rollout(r request, _ io.Writer) error {
	if _, installed := c.read("stable"); !installed || r.words[2] != "deployment/sampleapp" {
		return fmt.Errorf("%q is not there", r.words)
	}
	return nil
}

// fails says whether a test wants a verb to fail.
func fails(verb string) error {
	if os.Getenv("FAKE_FAILURE") == verb {
		return errors.New("held, as the test wants it")
	}
	return nil
}

func (c fakeCluster) deploy(r request, _ io.Writer) error {
	if r.words[1] != "release/manifests" || r.flags["name"] != "sampleapp" || r.flags["namespace"] != "default" || r.flags["image"] != newImage {
		return fmt.Errorf("deploy %q with %q", r.words, r.flags)
	}
	var err error
	if _, there := c.read("weight"); !there {
		err = c.write("weight", "0")
	}
	return errors.Join(err, c.event("deploy"), fails("deploy"))
}

func (c fakeCluster) shift(r request, _ io.Writer) error {
	if r.words[1] != "sampleapp" {
		return fmt.Errorf("shift %q", r.words)
	}
	return errors.Join(c.write("weight", r.flags["to"]), c.event("shift:%s", r.flags["to"]), fails("shift"))
}

func (c fakeCluster) promote(request, io.Writer) error {
	if err := errors.Join(c.event("promote"), fails("promote")); err != nil {
		return err
	}
	return errors.Join(c.write("stable", newImage), os.Remove(filepath.Join(c.folder, "weight")))
}

func (c fakeCluster) reject(r request, _ io.Writer) error {
	if r.words[1] != "sampleapp" || r.flags["if-active"] == "" {
		return fmt.Errorf("reject %q", r.words)
	}
	if _, active := c.read("weight"); !active {
		return c.event("nothing")
	}
	return errors.Join(os.Remove(filepath.Join(c.folder, "weight")), c.event("reject"))
}

// forward is Emissary behind the forwarded port: it splits the requests by the
// canary's weight, exactly and without chance.
func (c fakeCluster) forward(r request, _ io.Writer) error {
	if r.flags["namespace"] != "emissary" || r.words[1] != "service/emissary-ingress" {
		return fmt.Errorf("port-forward to %q", r.words)
	}
	port, _, _ := strings.Cut(r.words[2], ":")
	success, unreachable := percent("FAKE_CANARY_SUCCESS", 100), percent("FAKE_CANARY_UNREACHABLE", 0)
	var requests, reached, answered atomic.Int64
	// nth spreads a percentage evenly: it is true for that share of the numbers.
	nth := func(n int64, share float64) bool {
		return math.Floor(float64(n)*share/100) > math.Floor(float64(n-1)*share/100)
	}
	return http.ListenAndServe("127.0.0.1:"+port, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		text, _ := c.read("weight")
		weight, err := strconv.ParseFloat(text, 64)
		switch {
		case err != nil || !nth(requests.Add(1), percent("FAKE_CANARY_SHARE", weight)):
			w.Header().Set("X-Version", "1")
		case nth(reached.Add(1), unreachable):
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.Header().Set("X-Version", buildID)
			if !nth(answered.Add(1), success) {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}
	}))
}

// percent reads what a test wants to go wrong from the environment.
func percent(name string, unset float64) float64 {
	value, err := strconv.ParseFloat(os.Getenv(name), 64)
	if err != nil {
		return unset
	}
	return value
}
