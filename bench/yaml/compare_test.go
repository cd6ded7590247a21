// Package yaml compares YAML libraries that canarize could use. It is a
// separate module, so that the product depends on only one of them.
// docs/yaml-library.md has the results.
package yaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/parser"
	v4 "go.yaml.in/yaml/v4"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
)

// library parses a stream of documents into editable trees and prints it.
type library struct {
	name      string
	roundTrip func(in []byte, parseOnly bool) (string, error)
}

func libraries() []library {
	return []library{
		{"go.yaml.in/yaml/v4", func(in []byte, parseOnly bool) (string, error) {
			loader, err := v4.NewLoader(bytes.NewReader(in))
			if err != nil {
				return "", err
			}
			var out bytes.Buffer
			dumper, err := v4.NewDumper(&out, v4.WithV3Defaults(), v4.WithIndent(2), v4.WithLineWidth(-1))
			if err != nil {
				return "", err
			}
			return documents(&out, parseOnly, func(n *v4.Node) error { return loader.Load(n) }, func(n *v4.Node) error { return dumper.Dump(n) }, dumper.Close)
		}},
		{"kustomize/kyaml", func(in []byte, parseOnly bool) (string, error) {
			var out bytes.Buffer
			decoder, encoder := kyaml.NewDecoder(bytes.NewReader(in)), kyaml.NewEncoder(&out)
			return documents(&out, parseOnly, func(n *kyaml.Node) error { return decoder.Decode(n) }, func(n *kyaml.Node) error { return encoder.Encode(n) }, encoder.Close)
		}},
		{"goccy/go-yaml", func(in []byte, parseOnly bool) (string, error) {
			file, err := parser.ParseBytes(in, parser.ParseComments)
			if err != nil || parseOnly {
				return "", err
			}
			return file.String(), nil
		}},
	}
}

func documents[N any](out *bytes.Buffer, parseOnly bool, load, dump func(*N) error, end func() error) (string, error) {
	for {
		var n N
		err := load(&n)
		switch {
		case errors.Is(err, io.EOF) && parseOnly:
			return "", nil
		case errors.Is(err, io.EOF):
			err := end()
			return out.String(), err
		}
		if err != nil {
			return "", err
		}
		if !parseOnly {
			if err := dump(&n); err != nil {
				return "", err
			}
		}
	}
}

// cases are inputs on which the libraries differ.
func cases() map[string]string {
	return map[string]string{
		"comments":      "# head\n\na: 1   # tail\n\nb:\n    - x\n    # foot of b\n# before c\nc: [1,2]\n",
		"anchors":       "base: &b\n  x: 1\nz:\n  <<: *b\n  w: *b\n",
		"yaml11":        "a: 0644\nb: on\nc: 0o644\nd: \"0644\"\ne: ~\n",
		"duplicate key": "a: 1\na: 2\n",
		"tab":           "a:\n\tb: 1\n",
		"broken flow":   "a: [1, 2\nb: 3\n",
		"NUL":           "a: 1\x00b\n",
		"invalid UTF-8": "a: \xff\xfe\n",
		"CRLF and BOM":  "\xef\xbb\xbfa: 1\r\nb: 2 # c\r\n",
	}
}

// TestCompare prints each library's result for each case.
func TestCompare(t *testing.T) {
	for name, in := range cases() {
		for _, l := range libraries() {
			out, err := l.roundTrip([]byte(in), false)
			switch {
			case err != nil:
				t.Logf("%-14s %-20s refused: %s", name, l.name, strings.Join(strings.Fields(err.Error()), " "))
			case out == in:
				t.Logf("%-14s %-20s same text", name, l.name)
			default:
				t.Logf("%-14s %-20s %q", name, l.name, out)
			}
		}
	}
}

// BenchmarkRoundTrip measures parsing and printing 1,000 applications.
func BenchmarkRoundTrip(b *testing.B) {
	var in bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&in, "apiVersion: apps/v1\nkind: Deployment # %d\nmetadata:\n  name: app-%d\nspec:\n  replicas: 4\n  selector:\n    matchLabels:\n      app: app-%d\n  template:\n    spec:\n      containers:\n        - name: app\n          image: registry.example.com/app:1\n---\n", i, i, i)
	}
	for _, l := range libraries() {
		for _, parseOnly := range []bool{true, false} {
			b.Run(fmt.Sprintf("%s/parseOnly=%v", l.name, parseOnly), func(b *testing.B) {
				b.SetBytes(int64(in.Len()))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := l.roundTrip(in.Bytes(), parseOnly); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
