package manifest

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// TestValueIsKubectls compares our decoding with sigs.k8s.io/yaml, the YAML 1.1
// library of kubectl and the API server.
func TestValueIsKubectls(t *testing.T) {
	scalars := []string{
		"yes", "Yes", "YES", "yEs", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF", "y", "Y", "n", "N",
		"true", "True", "TRUE", "tRUE", "false", "False", "FALSE", "null", "Null", "NULL", "~", "",
		"0", "1", "-1", "+1", "010", "0o10", "0x1F", "-0x1F", "0b11", "1_000", "08", "09", "00",
		"9223372036854775807", "9223372036854775808", "18446744073709551615",
		"1.5", "-1.5", ".5", "5.", "1e3", "1E3", "1e+3", "1.5e-3", "1e", "e3", "0.0", "1_0.5",
		"1:30", "12:30:45", "2024-01-01", "2024-01-01T00:00:00Z", "a", "a b", "1a", "1.2.3", "=", "<<x",
		`"yes"`, `'010'`, `"1e3"`, `!!str yes`, `!!str 010`, `"\u00e9"`, "100m", "1Gi", "0.5Gi", "-", "- a",
	}
	for _, text := range scalars {
		doc := "apiVersion: v1\nkind: K\nmetadata: {name: x}\nv: " + text + "\n"
		want, wantErr := yaml.YAMLToJSON([]byte(doc))
		objects, err := Parse(Source{Name: "x.yml", Data: []byte(doc)})
		if (err != nil) != (wantErr != nil) {
			t.Errorf("%s: error %v, kubectl's library has %v", text, err, wantErr)
		}
		if err != nil || wantErr != nil {
			continue
		}
		have, err := json.Marshal(objects[0].Value())
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(string(want), string(have)); diff != "" {
			t.Errorf("%s (-kubectl +canarize):\n%s", text, diff)
		}
	}
}

// TestKeysAreKubectls does the same for keys.
func TestKeysAreKubectls(t *testing.T) {
	for _, text := range []string{
		"yes", "Yes", "yEs", "no", "on", "Off", "y", "N", "true", "True", "tRUE", "false",
		"0", "1", "-1", "+1", "010", "0o10", "0x4", "0x1F", "-0x1F", "0b11", "1_000", "08", "09", "00", "9223372036854775807", "18446744073709551616",
		"1.5", "1.50", "-1.5", ".5", "5.", "1e3", "1e+3", "1.5e-3", "1e", "e3", "0.0", "1_0.5", "1.0", "1e30", "123456789.123456789", "1e21",
		"1:30", "2024-01-01", "a", "1a", "1.2.3", "=", "<<x", "a.b/c", `"yes"`, `'010'`, `"0x4"`, "!!str yes", "!!str 010", "!!int 0x4", "!!int '0x4'",
	} {
		doc := "apiVersion: v1\nkind: K\nmetadata: {name: x}\ndata:\n  " + text + ": v\n"
		want, wantErr := yaml.YAMLToJSON([]byte(doc))
		objects, err := Parse(Source{Name: "x.yml", Data: []byte(doc)})
		if err != nil || wantErr != nil {
			t.Errorf("%s: error %v, kubectl's library has %v", text, err, wantErr)
			continue
		}
		have, err := json.Marshal(objects[0].Value())
		if diff := cmp.Diff(string(want), string(have)); diff != "" || err != nil {
			t.Errorf("%s (-kubectl +canarize), error %v:\n%s", text, err, diff)
		}
	}
}
