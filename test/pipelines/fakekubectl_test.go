package pipelines

import (
	"encoding/json"
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

	"go.yaml.in/yaml/v4"
)

// fakeCluster is a folder with one JSON file for each object, and a file of
// events: what was written, in order, in words that a test can compare.
type fakeCluster struct{ folder string }

func (c fakeCluster) file(kind, name string) string {
	return filepath.Join(c.folder, strings.ToLower(kind)+"."+name+".json")
}

func (c fakeCluster) put(o object) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return os.WriteFile(c.file(o.text("kind"), o.text("metadata", "name")), data, 0o600)
}

func (c fakeCluster) get(kind, name string) (object, error) {
	data, err := os.ReadFile(c.file(kind, name))
	if err != nil {
		return nil, err
	}
	var o object
	return o, json.Unmarshal(data, &o)
}

func (c fakeCluster) all() ([]object, error) {
	files, err := filepath.Glob(filepath.Join(c.folder, "*.json"))
	var found []object
	for _, file := range files {
		kind, rest, _ := strings.Cut(filepath.Base(file), ".")
		o, err := c.get(kind, strings.TrimSuffix(rest, ".json"))
		if err != nil {
			return nil, err
		}
		found = append(found, o)
	}
	return found, err
}

func (c fakeCluster) image(deployment string) string {
	o, err := c.get("deployment", deployment)
	if err != nil {
		return err.Error()
	}
	image, _ := o.containers()[0]["image"].(string)
	return image
}

func (c fakeCluster) event(format string, arguments ...any) error {
	file, err := os.OpenFile(filepath.Join(c.folder, "events"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, format+"\n", arguments...)
	return errors.Join(err, file.Close())
}

// request is a command line of kubectl: the words and the flags, which in this
// project are long and, but for a few switches, have a value.
type request struct {
	words []string
	flags map[string][]string
}

func parse(arguments []string) request {
	r := request{flags: map[string][]string{}}
	for i := 0; i < len(arguments); i++ {
		name, isFlag := strings.CutPrefix(arguments[i], "--")
		switch {
		case !isFlag:
			r.words = append(r.words, arguments[i])
		case slices.Contains([]string{"ignore-not-found", "overwrite", "local", "all-namespaces"}, name):
			r.flags[name] = []string{"true"}
		case i+1 < len(arguments):
			i++
			r.flags[name] = append(r.flags[name], arguments[i])
		}
	}
	return r
}

func (r request) flag(name string) string { return strings.Join(r.flags[name], ",") }

// fakeKubectl does what the pipeline needs of kubectl, and fails at all else.
func fakeKubectl(arguments []string, stdout, stderr io.Writer) int {
	c, r := fakeCluster{os.Getenv("FAKE_CLUSTER")}, parse(arguments)
	verbs := map[string]func(request, io.Writer) error{
		"get": c.doGet, "apply": c.doApply, "patch": c.doPatch, "annotate": c.doAnnotate,
		"rollout": c.doRollout, "delete": c.doDelete, "set": c.doSet, "port-forward": c.doForward,
	}
	err := fmt.Errorf("the fake kubectl does not know %q", arguments)
	if do, known := verbs[r.words[0]]; known {
		err = do(r, stdout)
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "fake kubectl:", err)
		return 1
	}
	return 0
}

// kindOf turns the resource of a command line into a kind.
func kindOf(resource string) string {
	plural, _, _ := strings.Cut(resource, ".")
	return strings.TrimSuffix(plural, "s")
}

func (c fakeCluster) doGet(r request, stdout io.Writer) error {
	if r.flag("all-namespaces") != "" {
		items, err := c.all()
		if err != nil {
			return err
		}
		kinds := strings.Split(r.words[1], ",")
		items = slices.DeleteFunc(items, func(o object) bool {
			return !slices.ContainsFunc(kinds, func(k string) bool { return strings.EqualFold(kindOf(k), o.text("kind")) })
		})
		return json.NewEncoder(stdout).Encode(map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
	}
	o, err := c.get(kindOf(r.words[1]), r.words[2])
	if errors.Is(err, os.ErrNotExist) && r.flag("ignore-not-found") != "" {
		return nil
	}
	if err != nil {
		return err
	}
	switch r.flag("output") {
	case "name":
		_, err = fmt.Fprintln(stdout, r.words[1]+"/"+r.words[2])
	case "jsonpath={.spec.replicas}":
		_, err = fmt.Fprint(stdout, o.number("spec", "replicas"))
	case "jsonpath={.spec.weight}":
		_, err = fmt.Fprint(stdout, o.at("spec", "weight"))
	case `jsonpath={.spec.template.spec.containers[?(@.name=="sampleapp")].image}`:
		_, err = fmt.Fprint(stdout, c.image(r.words[2]))
	default:
		err = fmt.Errorf("unknown output %q", r.flag("output"))
	}
	return err
}

// documents reads the files and folders of --filename.
func (r request) documents() ([]object, error) {
	var all []object
	for _, name := range r.flags["filename"] {
		files := []string{name}
		if more, err := filepath.Glob(filepath.Join(name, "*.yml")); err == nil && len(more) > 0 {
			files = more
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			objects, err := decode(data)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			all = append(all, objects...)
		}
	}
	return all, nil
}

func (c fakeCluster) doApply(r request, _ io.Writer) error {
	objects, err := r.documents()
	if err != nil {
		return err
	}
	for _, o := range objects {
		metadata, _ := o.at("metadata").(map[string]any)
		metadata["namespace"] = r.flag("namespace")
		if err := c.put(o); err != nil {
			return err
		}
	}
	for _, o := range objects {
		switch {
		case o.text("kind") != "Deployment":
		case o.text("metadata", "name") == "sampleapp":
			err = c.event("stable:%s", c.image("sampleapp"))
		default:
			mapping, getErr := c.get("mapping", o.text("metadata", "name"))
			weight := mapping.number("spec", "weight")
			err = errors.Join(getErr, c.event("canary:%d@%d", o.number("spec", "replicas"), weight))
			if image := c.image("sampleapp-canary"); image != newImage {
				err = errors.Join(err, fmt.Errorf("the canary runs %s", image))
			}
		}
	}
	return err
}

func (c fakeCluster) doPatch(r request, _ io.Writer) error {
	var patch struct{ Spec struct{ Weight *int } }
	if err := json.Unmarshal([]byte(r.flag("patch")), &patch); err != nil || patch.Spec.Weight == nil || r.flag("type") != "merge" {
		return fmt.Errorf("patch %q: %w", r.flag("patch"), err)
	}
	o, err := c.get(kindOf(r.words[1]), r.words[2])
	if err != nil {
		return err
	}
	spec, _ := o.at("spec").(map[string]any)
	spec["weight"] = *patch.Spec.Weight
	return errors.Join(c.put(o), c.event("weight:%d", *patch.Spec.Weight))
}

func (c fakeCluster) doAnnotate(r request, _ io.Writer) error {
	objects, err := r.documents()
	if err != nil || len(objects) == 0 || len(r.words) < 2 {
		return fmt.Errorf("nothing to annotate: %w", err)
	}
	for _, pair := range r.words[1:] {
		if key, value, found := strings.Cut(pair, "="); !found || !strings.HasPrefix(key, "azure-pipelines/") || value == "" {
			return fmt.Errorf("annotation %q", pair)
		}
	}
	return nil
}

func (c fakeCluster) doRollout(r request, _ io.Writer) error {
	name := strings.TrimPrefix(r.words[2], "deployment/")
	if r.words[1] == "undo" {
		return c.event("undo:%s", name)
	}
	unready := os.Getenv("FAKE_UNREADY")
	if _, err := c.get("deployment", name); err != nil || unready == name || unready == name+"@"+c.image(name) {
		return fmt.Errorf("%s is not ready: %w", name, err)
	}
	// A stable version that was ready before is no news.
	if name == "sampleapp" && c.image(name) != newImage {
		return nil
	}
	return c.event("ready:%s", name)
}

func (c fakeCluster) doDelete(r request, _ io.Writer) error {
	key, value, _ := strings.Cut(r.flag("selector"), "=")
	for _, resource := range strings.Split(r.words[1], ",") {
		objects, err := c.all()
		if err != nil {
			return err
		}
		for _, o := range objects {
			if !strings.EqualFold(kindOf(resource), o.text("kind")) || o.text("metadata", "labels", key) != value {
				continue
			}
			err := errors.Join(os.Remove(c.file(o.text("kind"), o.text("metadata", "name"))), c.event("delete:%s", o.text("kind")))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (c fakeCluster) doSet(r request, stdout io.Writer) error {
	objects, err := r.documents()
	if err != nil || r.words[1] != "image" || r.flag("local") == "" || len(objects) != 1 {
		return fmt.Errorf("set %q: %w", r.words, err)
	}
	name, image, _ := strings.Cut(r.words[2], "=")
	for _, container := range objects[0].containers() {
		if container["name"] == name {
			container["image"] = image
		}
	}
	data, err := yaml.Marshal(objects[0])
	if err != nil {
		return err
	}
	_, err = stdout.Write(data)
	return err
}

// doForward is Emissary behind the forwarded port: it splits the requests by the
// weight of the canary's Mapping, exactly and without chance.
func (c fakeCluster) doForward(r request, _ io.Writer) error {
	if r.flag("namespace") != "emissary" || r.words[1] != "service/emissary-ingress" {
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
		mapping, err := c.get("mapping", "sampleapp-canary")
		switch {
		case err != nil || !nth(requests.Add(1), percent("FAKE_CANARY_SHARE", float64(mapping.number("spec", "weight")))):
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
