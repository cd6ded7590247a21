package redact

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func decoded(t *testing.T, text string) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return o
}

func applied(text string) string {
	quoted, _ := json.Marshal(text)
	return fmt.Sprintf(`{"name": "x", "annotations": {"keep": "me", %q: %s}}`, LastApplied, quoted)
}

// TestObject: no copy contains the content of a Secret, in whatever form the object holds
// it, and the object itself is unchanged.
func TestObject(t *testing.T) {
	secret := `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"x"},"data":{"a":"` + canary + `"}}`
	for name, text := range map[string]string{
		"data":              secret,
		"stringData":        `{"apiVersion":"v1","kind":"Secret","stringData":{"a":"` + canary + `"}}`,
		"a number":          `{"apiVersion":"v1","kind":"Secret","stringData":{"a":{"b":["` + canary + `", 4711]}}}`,
		"data of no map":    `{"apiVersion":"v1","kind":"Secret","data":"` + canary + `"}`,
		"last applied":      `{"apiVersion":"v1","kind":"Secret","metadata":` + applied(secret) + `}`,
		"another's":         `{"apiVersion":"v1","kind":"ConfigMap","metadata":` + applied(secret) + `}`,
		"damaged":           `{"apiVersion":"v1","kind":"ConfigMap","metadata":` + applied(secret[1:]) + `}`,
		"a list's":          `{"apiVersion":"v1","kind":"ConfigMap","metadata":` + applied(`{"kind":"List","items":[`+secret+`]}`) + `}`,
		"List":              `{"apiVersion":"v1","kind":"List","items":[{"kind":"ConfigMap"},` + secret + `]}`,
		"List in a List":    `{"apiVersion":"v1","kind":"List","items":[{"kind":"List","items":[` + secret + `]}]}`,
		"SecretList":        `{"apiVersion":"v1","kind":"SecretList","items":[{"metadata":{"name":"x"},"data":{"a":"` + canary + `"}}]}`,
		"annotation as one": `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"annotations":{"` + LastApplied + `":{"a":"` + canary + `"}}}}`,
	} {
		o := decoded(t, text)
		kept, err := json.Marshal(Object(o))
		if err != nil || strings.Contains(string(kept), canary) || strings.Contains(string(kept), "4711") {
			t.Errorf("%s: %s, error %v", name, kept, err)
		}
		if strings.Contains(text, "keep") && !strings.Contains(string(kept), `"keep":"me"`) {
			t.Errorf("%s: other annotations are gone: %s", name, kept)
		}
		if !reflect.DeepEqual(o, decoded(t, text)) {
			t.Errorf("%s: the object was changed", name)
		}
	}
	for _, text := range []string{
		`{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"b"},"metadata":` + applied(`{"kind":"ConfigMap","data":{"a":"b"}}`) + `}`,
		`{"apiVersion":"example.com/v1","kind":"Secret","data":{"a":"b"}}`,
		`{"kind":"List","items":[{"kind":"ConfigMap"}, 1]}`,
		`{}`,
	} {
		if o := decoded(t, text); !reflect.DeepEqual(Object(o), o) {
			t.Errorf("%s became %v", text, Object(o))
		}
	}
}
