package releasefile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/canarize/canarize/internal/manifest"
)

// lineError is an error at a line of the release file.
type lineError struct {
	line int
	err  error
}

func (e lineError) Error() string { return fmt.Sprintf("%d: %v", e.line, e.err) }
func (e lineError) Unwrap() error { return e.err }

// value is a node of the release file and its path, such as spec.analysis.bake.
type value struct {
	node *yaml.Node
	path string
}

func (v value) errorf(format string, args ...any) error {
	return lineError{v.node.Line, fmt.Errorf("%s: %w", v.name(), fmt.Errorf(format, args...))}
}

// name returns the path, or a name for the file itself.
func (v value) name() string {
	if v.path == "" {
		return "a release file"
	}
	return v.path
}

// resolved follows an alias to its target.
func (v value) resolved() *yaml.Node {
	n := v.node
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// has reports whether a mapping has a name.
func (v value) has(name string) bool {
	n := v.resolved()
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return true
		}
	}
	return false
}

// entries calls read for every entry of a mapping, in order. An empty value counts as an
// empty mapping.
func entries(v value, read func(name string, child value) error) error {
	n := v.resolved()
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		return v.errorf("expected a mapping of names to values")
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		child := value{n.Content[i+1], strings.TrimPrefix(v.path+"."+key.Value, ".")}
		if key.Kind != yaml.ScalarNode {
			return lineError{key.Line, fmt.Errorf("%s: a key must be a string", v.name())}
		}
		if first, twice := seen[key.Value]; twice {
			return lineError{key.Line, fmt.Errorf("%s is set twice, first on line %d", child.path, first)}
		}
		seen[key.Value] = key.Line
		if err := read(key.Value, child); err != nil {
			return err
		}
	}
	return nil
}

// maxFile bounds the size of a release file in bytes, and maxValues the number of its
// values.
const (
	maxFile   = 1 << 20
	maxValues = 20_000
)

// readYAML calls read with the only document of a file. Errors begin with FILE:LINE.
func readYAML(file string, content []byte, read func(value) error) error {
	if len(content) > maxFile {
		return fmt.Errorf("%s: a release file has at most %d bytes", file, maxFile)
	}
	if err := manifest.NewGuard(maxValues).Check(manifest.Source{Name: file, Data: content}); err != nil {
		return err
	}
	var documents []yaml.Node
	if err := yaml.Load(content, &documents, yaml.WithAllDocuments()); err != nil {
		var load *yaml.LoadError
		if errors.As(err, &load) {
			return fmt.Errorf("%s:%d: YAML: %s", file, max(load.Mark.Line, 1), load.Message)
		}
		return fmt.Errorf("%s: YAML: %w", file, err)
	}
	documents = slices.DeleteFunc(documents, func(n yaml.Node) bool { return len(n.Content) == 0 })
	if len(documents) != 1 {
		return fmt.Errorf("%s: it has %d documents; a release file has one", file, len(documents))
	}
	err := read(value{node: documents[0].Content[0]})
	var located lineError
	if errors.As(err, &located) {
		return fmt.Errorf("%s:%w", file, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
