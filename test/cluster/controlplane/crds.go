package controlplane

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/canarize/canarize/test/cluster/launch"
)

// ownCRDs are minimal CRDs for other objects of releases. They only validate that spec is an
// object.
//
//go:embed crds/*.yaml
var ownCRDs embed.FS

const emissaryVersion = "v3alpha1"

// object is a JSON object.
type object = map[string]any

// crdFile holds the fields of a CustomResourceDefinition that are read.
type crdFile struct {
	Metadata struct{ Name string }
	Spec     struct {
		Group    string
		Names    struct{ Plural string }
		Versions []struct{ Name string }
	}
}

// installCRDs installs Emissary's CRDs and our own, and returns when their objects can be
// created, even by kubectl.
func (c client) installCRDs(ctx context.Context, emissary string) error {
	documents, err := readCRDs(emissary)
	if err != nil {
		return fmt.Errorf("read the CRDs: %w", err)
	}
	var wanted []string
	for _, d := range documents {
		var crd crdFile
		if err := convert(d, &crd); err != nil {
			return err
		}
		path := "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/" + crd.Metadata.Name
		if err := c.apply(ctx, path, d); err != nil {
			return fmt.Errorf("install CRD %s: %w", crd.Metadata.Name, err)
		}
		for _, v := range crd.Spec.Versions {
			wanted = append(wanted, crd.Spec.Group+"/"+v.Name+"/"+crd.Spec.Names.Plural)
		}
	}
	return launch.Await(ctx, "discovery of the CRDs", func(ctx context.Context) error {
		return c.discovered(ctx, wanted)
	})
}

// discovered returns nil if the server lists all of wanted (group/version/plural).
func (c client) discovered(ctx context.Context, wanted []string) error {
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Versions []struct {
				Version   string
				Resources []struct{ Resource string }
			}
		}
	}
	const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
	if err := c.get(ctx, "/apis", aggregated, &list); err != nil {
		return err
	}
	served := map[string]bool{}
	for _, group := range list.Items {
		for _, v := range group.Versions {
			for _, r := range v.Resources {
				served[group.Metadata.Name+"/"+v.Version+"/"+r.Resource] = true
			}
		}
	}
	for _, w := range wanted {
		if !served[w] {
			return fmt.Errorf("%s is not served yet", w)
		}
	}
	return nil
}

func readCRDs(emissary string) ([]object, error) {
	b, err := os.ReadFile(emissary)
	if err != nil {
		return nil, err
	}
	shipped, err := split(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", emissary, err)
	}
	var all []object
	for _, d := range shipped {
		crd, err := onlyV3alpha1(d)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", emissary, err)
		}
		all = append(all, crd)
	}
	files, err := fs.Glob(ownCRDs, "crds/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		b, err := ownCRDs.ReadFile(f)
		if err != nil {
			return nil, err
		}
		own, err := split(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		all = append(all, own...)
	}
	return all, nil
}

// onlyV3alpha1 changes a CRD of Emissary 3 into the one that Emissary 4 installs, with a
// single version. The older versions need Emissary's conversion webhook.
func onlyV3alpha1(crd object) (object, error) {
	spec, _ := crd["spec"].(object)
	versions, _ := spec["versions"].([]any)
	for _, v := range versions {
		version, _ := v.(object)
		if version["name"] == emissaryVersion {
			version["served"], version["storage"] = true, true
			spec["versions"] = []any{version}
			delete(spec, "conversion")
			return crd, nil
		}
	}
	metadata, _ := crd["metadata"].(object)
	return nil, fmt.Errorf("CRD %v has no version %s", metadata["name"], emissaryVersion)
}

// split parses a YAML file of several documents. No document may have a line "---" inside a
// block.
func split(file []byte) ([]object, error) {
	var all []object
	for _, text := range strings.Split("\n"+string(file), "\n---") {
		var d object
		if err := yaml.Unmarshal([]byte(text), &d); err != nil {
			return nil, err
		}
		if d != nil {
			all = append(all, d)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("there is no object in it")
	}
	return all, nil
}

func convert(from, into any) error {
	b, err := yaml.Marshal(from)
	if err != nil {
		return err
	}
	return yaml.Unmarshal(b, into)
}
