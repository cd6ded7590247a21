package pipelines

import (
	"bytes"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// object is a manifest without a Go type, so that it loses no field.
type object map[string]any

// at follows keys and returns the value, or nil.
func (o object) at(keys ...string) any {
	var value any = map[string]any(o)
	for _, key := range keys {
		fields, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = fields[key]
	}
	return value
}

func (o object) text(keys ...string) string {
	value, _ := o.at(keys...).(string)
	return value
}

// number converts an integer, which decoding may have made signed, unsigned or, from
// JSON, a floating-point number.
func (o object) number(keys ...string) int {
	switch n := o.at(keys...).(type) {
	case int:
		return n
	case float64: // from JSON
		return int(n)
	}
	return 0
}

// containers returns the containers of a Deployment.
func (o object) containers() []object {
	list, _ := o.at("spec", "template", "spec", "containers").([]any)
	var found []object
	for _, item := range list {
		if fields, ok := item.(map[string]any); ok {
			found = append(found, fields)
		}
	}
	return found
}

// decode parses the documents of a manifest.
func decode(data []byte) ([]object, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var all []object
	for {
		var o map[string]any
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if o != nil {
			all = append(all, o)
		}
	}
}

// one reads a file with a single object.
func one(t *testing.T, path string) object {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	all, err := decode(data)
	if err != nil || len(all) != 1 {
		t.Fatalf("%s: %d objects, %v", path, len(all), err)
	}
	return all[0]
}

func TestSampleManifestsFitTogether(t *testing.T) {
	deployment, service := one(t, "manifests/deployment.yml"), one(t, "manifests/service.yml")
	mapping, monitor := one(t, "manifests/mapping.yml"), one(t, "misc/service-monitor.yml")

	app := deployment.text("spec", "template", "metadata", "labels", "app")
	for what, got := range map[string]string{
		"the Deployment's selector":     deployment.text("spec", "selector", "matchLabels", "app"),
		"the Service's selector":        service.text("spec", "selector", "app"),
		"the Service's own label":       service.text("metadata", "labels", "app"),
		"the ServiceMonitor's selector": monitor.text("spec", "selector", "matchLabels", "app"),
	} {
		if got != app || app == "" {
			t.Errorf("%s wants app %q, the pods have %q", what, got, app)
		}
	}
	if got, want := mapping.text("spec", "service"), service.text("metadata", "name")+":8080"; got != want {
		t.Errorf("the Mapping routes to %q, want %q", got, want)
	}
	if mapping.at("spec", "weight") != nil {
		t.Error("the stable Mapping has a weight; the canary's share would not be its own weight any more")
	}
	if idle := mapping.number("spec", "cluster_idle_timeout_ms"); idle < 1 || idle > 4000 {
		t.Errorf("Envoy keeps idle connections for %d ms; it has to give them up well before a pod that ends does, 5 s after SIGTERM (app/server.go)", idle)
	}
	if got := deployment.number("spec", "replicas"); got != 4 {
		t.Errorf("%d replicas, want 4", got)
	}
	image, _ := deployment.containers()[0]["image"].(string)
	variables := load(t).Variables
	if want := variables["registry"] + "/" + variables["repository"] + ":"; !strings.HasPrefix(image, want) {
		t.Errorf("the Deployment runs %s, but the pipeline builds %s…: its --image would match nothing", image, want)
	}
}

// TestLoadGoesThroughEmissary: the load goes through Emissary, because requests that
// reach the pods another way never reach a canary.
func TestLoadGoesThroughEmissary(t *testing.T) {
	arguments, _ := one(t, "misc/fortio-deploy.yml").containers()[0]["args"].([]any)
	target, _ := arguments[len(arguments)-1].(string)
	variables := load(t).Variables
	u, err := url.Parse(target)
	if err != nil || u.Host != "emissary-ingress."+variables["emissaryNamespace"] {
		t.Errorf("the load goes to %q, want Emissary's Service (%v)", target, err)
	}
}

func TestPodsAreRestricted(t *testing.T) {
	for _, path := range []string{"manifests/deployment.yml", "misc/fortio-deploy.yml"} {
		deployment := one(t, path)
		pod := object(deployment.at("spec", "template", "spec").(map[string]any))
		if pod.at("securityContext", "runAsNonRoot") != true ||
			pod.text("securityContext", "seccompProfile", "type") != "RuntimeDefault" ||
			pod.at("automountServiceAccountToken") != false {
			t.Errorf("%s: the pod is not restricted: %v", path, pod["securityContext"])
		}
		container := deployment.containers()[0]
		drop, _ := container.at("securityContext", "capabilities", "drop").([]any)
		if container.at("securityContext", "readOnlyRootFilesystem") != true ||
			container.at("securityContext", "allowPrivilegeEscalation") != false ||
			len(drop) != 1 || drop[0] != "ALL" {
			t.Errorf("%s: the container is not restricted: %v", path, container["securityContext"])
		}
		if container.at("resources", "requests", "cpu") == nil || container.at("resources", "limits", "memory") == nil {
			t.Errorf("%s: no resources", path)
		}
	}
}
