package plan_test

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/manifest"
)

// What Kubernetes accepts as names and label values
// (k8s.io/apimachinery/pkg/util/validation).
var (
	dnsLabel     = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)
	dnsSubdomain = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	labelValue   = regexp.MustCompile(`^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$`)
	hashed       = regexp.MustCompile(`-[0-9a-f]{8}$`)
)

// TestLawValidNames is law 4.
func TestLawValidNames(t *testing.T) {
	checkLaw(t, func(t *rapid.T, x outcome) {
		suffix := x.world.options.Canary.Suffix
		taken := map[string]bool{}
		for _, o := range x.input {
			taken[identity(o)] = true
		}
		for i, o := range x.output {
			if taken[identity(o)] {
				t.Errorf("%s is there twice", identity(o))
			}
			taken[identity(o)] = true
			n := name(o)
			pattern := dnsSubdomain
			if isService(o) {
				pattern = dnsLabel
			}
			if !pattern.MatchString(n) || len(n) > 253 {
				t.Errorf("%s is no valid name", identity(o))
			}
			if strings.HasSuffix(kind(o), "Mapping") && strings.Contains(n, ".") {
				t.Errorf("%s: a dot in the name of a Mapping", identity(o))
			}
			if !strings.HasSuffix(n, suffix) && (!hashed.MatchString(n) || !strings.Contains(n, suffix)) {
				t.Errorf("%s ends neither in %s nor in that and a hash", identity(o), suffix)
			}
			if kind(o) == kind(x.stable[i]) && str(o, "metadata", "namespace") != str(x.stable[i], "metadata", "namespace") {
				t.Errorf("%s moved from namespace %q", identity(o), str(x.stable[i], "metadata", "namespace"))
			}
			for _, labels := range []map[string]string{
				strs(o, "metadata", "labels"), strs(o, "spec", "template", "metadata", "labels"), strs(o, "spec", "selector"), strs(o, "spec", "selector", "matchLabels"),
			} {
				for key, value := range labels {
					if !labelValue.MatchString(value) {
						t.Errorf("%s: %s is no valid label value: %q", identity(o), key, value)
					}
				}
			}
			if strs(o, "metadata", "labels")[track] != "canary" {
				t.Errorf("%s does not say that it is a canary", identity(o))
			}
			for key, value := range x.world.options.Canary.Labels {
				if strs(o, "metadata", "labels")[key] != value {
					t.Errorf("%s lacks the label %s of --labels", identity(o), key)
				}
			}
		}
	})
}

var serverSide = []string{
	"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "ownerReferences", "selfLink", "finalizers", "generateName",
}

var foreignMark = regexp.MustCompile(`^(kubectl\.kubernetes\.io/last-applied|deployment\.kubernetes\.io/|meta\.helm\.sh/|helm\.sh/|argocd\.argoproj\.io/|.*\.toolkit\.fluxcd\.io/)`)

// TestLawClean is law 5: the canary contains nothing that belongs to the stable object in
// the cluster, not even as an empty field.
func TestLawClean(t *testing.T) {
	checkLaw(t, func(t *rapid.T, x outcome) {
		for i, o := range x.output {
			if _, found := o["status"]; found {
				t.Errorf("%s has a status", identity(o))
			}
			metadata := []any{o["metadata"], dig(o, "spec", "template", "metadata")}
			for _, claim := range list(o, "spec", "volumeClaimTemplates") {
				metadata = append(metadata, dig(claim, "metadata"))
				if _, found := claim.(obj)["status"]; found {
					t.Errorf("%s: a claim template has a status", identity(o))
				}
			}
			for _, meta := range metadata {
				m, _ := meta.(obj)
				for _, field := range serverSide {
					if _, found := m[field]; found {
						t.Errorf("%s has %s", identity(o), field)
					}
				}
			}
			for _, field := range []string{"labels", "annotations"} {
				m := strs(o, "metadata", field)
				if _, found := o["metadata"].(obj)[field]; found && len(m) == 0 {
					t.Errorf("%s has empty %s", identity(o), field)
				}
				for key, value := range m {
					if foreignMark.MatchString(key) || key == "app.kubernetes.io/managed-by" && value == "Helm" || isService(o) && foreignService.MatchString(key) {
						t.Errorf("%s has the mark %s", identity(o), key)
					}
				}
				for key, value := range strs(x.stable[i], "metadata", field) {
					kept := !foreignMark.MatchString(key) && key != "app.kubernetes.io/managed-by" && (!isService(o) || !foreignService.MatchString(key))
					if _, added := x.world.options.Canary.Labels[key]; kept && !added && kind(o) == kind(x.stable[i]) && m[key] != value {
						t.Errorf("%s lost %s=%s", identity(o), key, value)
					}
				}
			}
			before, after := dig(x.stable[i], "spec", "template", "metadata", "annotations"), dig(o, "spec", "template", "metadata", "annotations")
			if !reflect.DeepEqual(before, after) {
				t.Errorf("%s: the annotations of its pods changed: %s", identity(o), cmp.Diff(before, after))
			}
		}
		_, services := x.made("Service")
		for _, s := range services {
			checkCleanService(t, s)
		}
	})
}

var foreignService = regexp.MustCompile(`^(service\.beta\.kubernetes\.io/|external-dns\.|cloud\.google\.com/|getambassador\.io/)`)

func checkCleanService(t *rapid.T, s obj) {
	spec := s["spec"].(obj)
	known := []string{"selector", "ports", "type", "clusterIP", "ipFamilies"}
	for _, key := range slices.Sorted(maps.Keys(spec)) {
		if !slices.Contains(known, key) {
			t.Errorf("%s has %s", identity(s), key)
		}
	}
	if ip, found := spec["clusterIP"]; found && ip != "None" {
		t.Errorf("%s has the address %v", identity(s), ip)
	}
	if kind, found := spec["type"]; found && kind != "ClusterIP" {
		t.Errorf("%s has the type %v", identity(s), kind)
	}
	for _, port := range list(spec, "ports") {
		if dig(port, "nodePort") != nil {
			t.Errorf("%s has a node port", identity(s))
		}
	}
}

// TestLawPure checks four things. The same input gives the same bytes. Another order of
// objects and files changes only the order of the output. No object of the input is in
// the output. The engine does not modify its input.
func TestLawPure(t *testing.T) {
	checkLaw(t, func(t *rapid.T, x outcome) {
		source := encoded(t, x.world.objects, "json")
		parse := func(s manifest.Source) []*manifest.Object {
			objects, err := manifest.Parse(s)
			if err != nil {
				t.Fatal(err)
			}
			return objects
		}
		objects := parse(source)
		first := runOn(t, x, objects)
		if second := runOn(t, x, objects); string(first) != string(second) {
			t.Errorf("two runs on the same objects differ:\n%s", cmp.Diff(string(first), string(second)))
		}
		for i, unused := range parse(source) {
			if !reflect.DeepEqual(objects[i].Root, unused.Root) {
				t.Errorf("%s was modified", unused.ID())
			}
		}
		// Change the order of objects and their distribution over files.
		shuffled := rapid.Permutation(x.world.objects).Draw(t, "order")
		cut := rapid.IntRange(0, len(shuffled)).Draw(t, "cut")
		other := append(parse(encoded(t, shuffled[:cut], "yaml")), parse(encoded(t, shuffled[cut:], "json"))...)
		want, got := byIdentity(documents(t, first)), byIdentity(documents(t, runOn(t, x, other)))
		if !reflect.DeepEqual(want, got) {
			t.Errorf("another order of the input gives other objects:\n%s", cmp.Diff(want, got))
		}
	})
}

func byIdentity(objects []obj) map[string]obj {
	all := map[string]obj{}
	for _, o := range objects {
		all[identity(o)] = o
	}
	return all
}

// TestLawOutputIsInput checks that the printed output parses into the printed trees, and
// that the canary of a canary is refused with both names.
func TestLawOutputIsInput(t *testing.T) {
	checkLaw(t, func(t *rapid.T, x outcome) {
		g, text, err := generate(encoded(t, x.world.objects, "json"), x.world.options)
		if err != nil {
			t.Fatal(err)
		}
		again, err := manifest.Parse(manifest.Source{Name: "canary.yml", Data: text})
		if err != nil {
			t.Fatalf("the output does not read: %v\n%s", err, text)
		}
		for i, o := range g.Canaries() {
			if diff := cmp.Diff(o.Value(), again[i].Value()); diff != "" {
				t.Errorf("%s reads as something else: %s", o.ID(), diff)
			}
		}
		both := slices.Concat(x.world.objects, x.output)
		_, text, err = generate(encoded(t, both, "json"), x.world.options)
		if err == nil {
			t.Fatalf("a canary was made beside a canary:\n%s", text)
		}
		named := false
		for i, o := range x.output {
			both := strings.Contains(err.Error(), "/"+name(o)) || strings.Contains(err.Error(), " "+name(o))
			named = named || both && strings.Contains(err.Error(), name(x.stable[i]))
		}
		if !named {
			t.Errorf("stable and canary together: the error does not name both: %v", err)
		}
	})
}
