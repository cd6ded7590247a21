//go:build unix

package script

import (
	"bytes"
	"fmt"
	"log"
	"maps"
	"os"
	"slices"
	"strings"
)

// big FILE KIND writes an input that is too large to commit. It is a separate program,
// because memory of the test itself would count for its children.
func big() {
	if len(os.Args) != 3 || bigInputs[os.Args[2]] == nil {
		log.Fatalf("usage: big FILE KIND; the kinds are %s", strings.Join(slices.Sorted(maps.Keys(bigInputs)), ", "))
	}
	if err := os.WriteFile(os.Args[1], bigInputs[os.Args[2]](), 0o600); err != nil {
		log.Fatal(err)
	}
}

const (
	fiftyMegabytes = 50_000_000
	fileLimit      = 16 << 20 // limit of canarize for one file
	deep           = 100_000
	configMap      = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: big\n"
)

// bigInputs are hostile and mistaken inputs by name.
var bigInputs = map[string]func() []byte{
	"one-document": func() []byte { return fill(configMap+"data:\n", "  key: value\n", "", fiftyMegabytes) },
	"many-documents": func() []byte {
		return fill("", "---\napiVersion: v1\nkind: K\nmetadata: {name: n}\n", "", fiftyMegabytes)
	},
	"one-line":    func() []byte { return fill(configMap+`data: {a: "`, "x", "\"}\n", fiftyMegabytes) },
	"json-string": func() []byte { return fill(`{"a":"`, "x", `"}`, fiftyMegabytes) },

	// These have the maximum size of a file and consist of the smallest values.
	"values": func() []byte { return fill(configMap+"x: [", "1,", "1]\n", fileLimit) },
	"json-values": func() []byte {
		return fill(`{"apiVersion":"v1","kind":"K","metadata":{"name":"n"},"x":[`, "1,", "1]}", fileLimit)
	},
	"objects":        smallObjects,
	"dense-objects":  denseObjects,
	"null-documents": func() []byte { return fill("", "---\n", "", fileLimit) },
	"block-scalar":   func() []byte { return fill(configMap+"data:\n  a: |\n", "    y\n", "", fileLimit) },
	"long-string":    func() []byte { return fill(configMap+`data: {a: "`, "x", "\"}\n", fileLimit) },
	"long-comment":   func() []byte { return fill(configMap+"data: {} # ", "x", "\n", fileLimit) },

	"flow-nesting": func() []byte {
		return fmt.Appendf(nil, "%sx: %s1%s\n", configMap, strings.Repeat("[", deep), strings.Repeat("]", deep))
	},
	"flow-map-nesting": func() []byte {
		return fmt.Appendf(nil, "%sx: %s1%s\n", configMap, strings.Repeat("{a: ", deep), strings.Repeat("}", deep))
	},
	"json-nesting": func() []byte {
		return fmt.Appendf(nil, `{"x":%s1%s}`, strings.Repeat("[", deep), strings.Repeat("]", deep))
	},
	"json-map-nesting": func() []byte {
		return fmt.Appendf(nil, `%s1%s`, strings.Repeat(`{"x":`, deep), strings.Repeat("}", deep))
	},
	"block-nesting":     blockNesting,
	"block-seq-nesting": func() []byte { return fmt.Appendf(nil, "%sx:\n  %s1\n", configMap, strings.Repeat("- ", deep)) },

	"billion-laughs": billionLaughs,
	// A list of 990 values 990 times stays below the alias limits of all libraries.
	"quadratic": func() []byte { return []byte(quadratic("big")) },
	"quadratic-documents": func() []byte {
		var b bytes.Buffer
		for i := range 100 {
			b.WriteString("---\n" + quadratic(fmt.Sprintf("big%d", i)))
		}
		return b.Bytes()
	},
	"merges": mergedKeys,
}

// fill repeats the middle until the text reaches the size.
func fill(first, middle, last string, size int) []byte {
	n := (size - len(first) - len(last)) / len(middle)
	return []byte(first + strings.Repeat(middle, n) + last)
}

func smallObjects() []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < fileLimit-100; i++ {
		fmt.Fprintf(&b, "---\napiVersion: v\nkind: K\nmetadata: {name: n%d}\n", i)
	}
	return b.Bytes()
}

func denseObjects() []byte {
	var b bytes.Buffer
	list := strings.Repeat("1,", 400_000)
	for i := 0; b.Len() < fileLimit-len(list)-100; i++ {
		fmt.Fprintf(&b, "---\napiVersion: v\nkind: K\nmetadata: {name: n%d}\nx: [%s]\n", i, list)
	}
	return b.Bytes()
}

func blockNesting() []byte {
	var b bytes.Buffer
	b.WriteString(configMap)
	for i := range 2000 { // indentation makes the size grow quadratically
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.Bytes()
}

func billionLaughs() []byte {
	var b bytes.Buffer
	b.WriteString(configMap + "a0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n")
	for i := 1; i < 10; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s*a%d]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d,", i-1), 8), i-1)
	}
	return b.Bytes()
}

func quadratic(name string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\na: &a [" + strings.Repeat("x,", 990) + "]\nb: [" + strings.Repeat("*a,", 990) + "]\n"
}

// mergedKeys merges 100 mappings of 1,000 keys each into one.
func mergedKeys() []byte {
	var b bytes.Buffer
	b.WriteString(configMap)
	for j := range 100 {
		fmt.Fprintf(&b, "a%d: &a%d {", j, j)
		for i := range 1000 {
			fmt.Fprintf(&b, "k%d_%d: v,", j, i)
		}
		b.WriteString("}\n")
	}
	b.WriteString("b:\n  <<: [")
	for j := range 100 {
		fmt.Fprintf(&b, "*a%d,", j)
	}
	b.WriteString("]\n")
	return b.Bytes()
}
