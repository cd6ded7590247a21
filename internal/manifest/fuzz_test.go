package manifest

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// FuzzParse parses random bytes. An error must name the file and fit on one
// line. Objects must have an apiVersion, a kind and a line, and must keep their
// value when printed and parsed again.
func FuzzParse(f *testing.F) {
	for _, file := range manifestFiles(f) {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, text := range []string{
		"a: &a [*a]", "<<: {a: b}", "%YAML 1.1\n---\n", "{a: b}", "{\"a\": 1}{\"b\": 2}", "- a", "? a\n: b", "a: !!binary aGk=", "a: |+\n  b\n\n",
		"apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: K, metadata: {name: a}}]\n", "a: \"\\u2028\"\u2028b: c", "\ufeff# a\r\nb: c\r",
		"apiVersion: v1\nkind: K\nmetadata: {name: a}\nb: [{c}, {d: }]\n",
		"apiVersion: v1\nkind: KList\nitems:\n- metadata: {name: a}\n  x: &x {y: 1}\n  z: {<<: *x, y: 2}\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		objects, err := Parse(Source{Name: "x.yml", Data: data})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "x.yml:") {
				t.Errorf("the error does not begin with the file: %q", err)
			}
			return
		}
		for _, o := range objects {
			if o.APIVersion() == "" || o.Kind() == "" || o.Pos.Line < 1 {
				t.Errorf("%s: %s has no apiVersion, kind or line", o.Pos, o.ID())
			}
			checkPlain(t, o.Root)
			text, err := Print([]*Object{o})
			if err != nil {
				t.Errorf("%s: %v", o.Pos, err)
				continue
			}
			again, err := Parse(Source{Name: "again.yml", Data: text})
			if err != nil || len(again) != 1 || !reflect.DeepEqual(o.Value(), again[0].Value()) {
				t.Errorf("printed and read again it is another one (%v):\n%s", err, text)
			}
		}
	})
}
