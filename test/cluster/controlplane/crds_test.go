package controlplane

import (
	"fmt"
	"strings"
	"testing"
)

func TestOnlyV3alpha1(t *testing.T) {
	documents, err := split([]byte(`
metadata: {name: mappings.getambassador.io}
spec:
  conversion: {strategy: Webhook}
  versions:
  - {name: v2, served: true, storage: true}
  - {name: v3alpha1, served: true, storage: false, schema: {kept: true}}
---
metadata: {name: old.getambassador.io}
spec: {versions: [{name: v2}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	crd, err := onlyV3alpha1(documents[0])
	if err != nil {
		t.Fatal(err)
	}
	const want = "map[versions:[map[name:v3alpha1 schema:map[kept:true] served:true storage:true]]]"
	if got := fmt.Sprint(crd["spec"]); got != want {
		t.Errorf("spec %s, expected %s", got, want)
	}
	if _, err := onlyV3alpha1(documents[1]); err == nil || !strings.Contains(err.Error(), "old.getambassador.io") {
		t.Errorf("a CRD without v3alpha1: %v, expected an error that names it", err)
	}
}
