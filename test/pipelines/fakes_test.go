package pipelines

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// fakeCluster is a folder with the state of a cluster, one file for each value: stable,
// the weight of the canary if there is one, and events, a log that tests compare.
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

// request is a parsed command line. In this project's pipeline every flag is long and,
// except for a few switches, has a value.
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

// play acts as the named program as far as the pipeline needs it. It fails on any other
// request.
func play(program string, arguments []string, stdout, stderr io.Writer) int {
	c, r := fakeCluster{os.Getenv("FAKE_CLUSTER")}, parse(arguments)
	verbs := map[string]func(request, io.Writer) error{
		"kubectl get": c.get, "kubectl apply": c.apply, "kubectl rollout": c.rollout,
		"canarize run": c.run, "canarize reject": c.reject, "canarize report": c.report,
	}
	do, known := verbs[program+" "+r.words[0]]
	err := fmt.Errorf("unknown command %q", arguments)
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
	switch r.flags["filename"] {
	case "release/manifests":
		return errors.Join(c.write("stable", oldImage), c.event("stable"))
	case "release/misc/fortio-deploy.yml":
		return c.event("users")
	}
	return fmt.Errorf("apply %q", r.flags)
}

func (c fakeCluster) rollout(r request, _ io.Writer) error {
	if _, installed := c.read("stable"); !installed || r.words[2] != "deployment/sampleapp" {
		return fmt.Errorf("%q is not there", r.words)
	}
	return nil
}

// run ends the way FAKE_END says: promoted; rejected, which leaves nothing; or held,
// which leaves a canary without traffic.
func (c fakeCluster) run(r request, _ io.Writer) error {
	if _, err := os.Stat(r.flags["config"]); err != nil {
		return err
	}
	if r.words[1] != "release/manifests" || r.flags["name"] != "sampleapp" || r.flags["namespace"] != "default" || r.flags["image"] != newImage {
		return fmt.Errorf("run %q with %q", r.words, r.flags)
	}
	end := os.Getenv("FAKE_END")
	if err := c.event(end); err != nil {
		return err
	}
	switch end {
	case "promoted":
		return c.write("stable", newImage)
	case "held":
		if err := c.write("weight", "0"); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s, as the test wants it", end)
}

func (c fakeCluster) report(_ request, stdout io.Writer) error {
	_, err := fmt.Fprintln(stdout, "a report")
	return errors.Join(err, c.event("report"))
}

func (c fakeCluster) reject(r request, _ io.Writer) error {
	if r.words[1] != "sampleapp" || r.flags["if-active"] == "" || r.flags["namespace"] != "default" || r.flags["emissary-namespace"] != "emissary" {
		return fmt.Errorf("reject %q", r.words)
	}
	if _, active := c.read("weight"); !active {
		return c.event("nothing")
	}
	return errors.Join(os.Remove(filepath.Join(c.folder, "weight")), c.event("reject"))
}
