//go:build integration

package integration

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// workloads returns the objects with pods that a Service may select.
func workloads(all []object) []object {
	return ofKind(all, "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
}

func selectorOf(t *testing.T, service object) map[string]string {
	t.Helper()
	var plain map[string]string
	if len(service.Spec.Selector) > 0 {
		if err := json.Unmarshal(service.Spec.Selector, &plain); err != nil {
			t.Fatalf("%s: selector: %v", service, err)
		}
	}
	return plain
}

// selected returns the names of the workloads whose pods the Service selects.
func selected(t *testing.T, service object, all []object) []string {
	t.Helper()
	plain := selectorOf(t, service)
	if len(plain) == 0 {
		return nil
	}
	var names []string
	for _, w := range all {
		if w.Metadata.Namespace == service.Metadata.Namespace && matches(plain, w.Spec.Template.Metadata.Labels) {
			names = append(names, w.Metadata.Name)
		}
	}
	slices.Sort(names)
	return names
}

// stableOf finds the stable object of a canary by its name. Of a long name the canary has
// the beginning and a hash.
func stableOf(canary object, stable []object) (object, bool) {
	name := strings.TrimSuffix(canary.Metadata.Name, "-canary")
	var best object
	length := 0
	for _, s := range stable {
		if s.Kind != canary.Kind || s.Metadata.Namespace != canary.Metadata.Namespace {
			continue
		}
		if s.Metadata.Name == name {
			return s, true
		}
		if n := commonPrefix(s.Metadata.Name, name); n >= 30 && n > length {
			best, length = s, n
		}
	}
	return best, length > 0
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// checkNoLeak checks that no Service of the input selects a canary pod.
func checkNoLeak(t *testing.T, stable, canary []object) {
	t.Helper()
	for _, service := range ofKind(stable, "Service") {
		if names := selected(t, service, workloads(canary)); len(names) > 0 {
			t.Errorf("%s selects the pods of canaries %q", service, names)
		}
	}
}

// checkCanaryServices checks that each canary Service selects the canaries of
// exactly the Deployments the stable one selects.
func checkCanaryServices(t *testing.T, stable, canary []object) {
	t.Helper()
	services := ofKind(canary, "Service")
	if len(services) == 0 {
		t.Error("there is no canary Service")
	}
	for _, service := range services {
		if names := selected(t, service, workloads(stable)); len(names) > 0 {
			t.Errorf("canary %s selects stable pods of %q", service, names)
		}
		original, ok := stableOf(service, stable)
		if !ok {
			t.Errorf("canary %s: no stable Service has a similar name", service)
			continue
		}
		want := len(selected(t, original, ofKind(stable, "Deployment")))
		got := selected(t, service, workloads(canary))
		if len(got) != want || want == 0 {
			t.Errorf("canary %s selects the pods of %q; the stable one selects %q", service, got,
				selected(t, original, ofKind(stable, "Deployment")))
		}
		for _, name := range got {
			w := canary[slices.IndexFunc(canary, func(o object) bool { return o.Kind == "Deployment" && o.Metadata.Name == name })]
			from, ok := stableOf(w, stable)
			if !ok || !slices.Contains(selected(t, original, stable), from.Metadata.Name) {
				t.Errorf("canary %s selects %s, which comes from %q", service, w, from.Metadata.Name)
			}
		}
	}
}

// checkNoTheft checks that no controller selects the other version's pods.
func checkNoTheft(t *testing.T, stable, canary []object) {
	t.Helper()
	check := func(owners, others []object) {
		for _, owner := range workloads(owners) {
			var s labelSelector
			if err := json.Unmarshal(owner.Spec.Selector, &s); err != nil {
				t.Fatalf("%s: selector: %v", owner, err)
			}
			for _, other := range workloads(others) {
				same := owner.Kind == other.Kind && owner.Metadata.Name == other.Metadata.Name
				if !same && owner.Metadata.Namespace == other.Metadata.Namespace && s.matches(other.Spec.Template.Metadata.Labels) {
					t.Errorf("the selector of %s matches the pods of %s", owner, other)
				}
			}
		}
	}
	check(stable, canary)
	check(canary, stable)
	check(canary, canary)
}

// checkOnlyNew checks that the canary has objects, and none of the input's.
func checkOnlyNew(t *testing.T, stable, canary []object) {
	t.Helper()
	if len(ofKind(canary, "Deployment")) == 0 {
		t.Error("there is no canary Deployment")
	}
	for _, c := range canary {
		for _, s := range stable {
			if c.String() == s.String() {
				t.Errorf("the canary has %s of the input", s)
			}
		}
	}
}

// checkNamespaces checks that every canary is in a namespace of the application, and not in
// the namespace default when the files name none.
func checkNamespaces(t *testing.T, own []string, canary []object) {
	t.Helper()
	for _, c := range canary {
		if c.Metadata.Namespace != "" && !slices.Contains(own, c.Metadata.Namespace) {
			t.Errorf("%s is in a namespace the application does not use (%q)", c, own)
		}
	}
}
