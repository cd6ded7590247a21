package manifest

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"go.yaml.in/yaml/v4"
)

// Print writes objects as a stream of YAML documents.
func Print(objects []*Object) ([]byte, error) {
	texts := make([][]byte, len(objects))
	errs := make([]error, len(objects))
	var next atomic.Int64
	var printers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(objects)) {
		printers.Go(func() {
			var p plain
			for n := int(next.Add(1)) - 1; n < len(objects); n = int(next.Add(1)) - 1 {
				texts[n], errs[n] = objects[n].print(&p)
			}
		})
	}
	printers.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return bytes.Join(texts, []byte("---\n")), nil
}

// YAML returns the object as one YAML document without a separator. It keeps
// the comments, the order of keys, the quotes and the indentation of lists. It
// does not keep blank lines and line breaks within a scalar.
func (o *Object) YAML() ([]byte, error) { return o.print(&plain{}) }

func (o *Object) print(p *plain) ([]byte, error) {
	if p.object(o.Root) {
		return bytes.Clone(p.out), nil
	}
	text, err := printTree(o.Root)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", o.Pos, o.ID(), err)
	}
	return text, nil
}

// printTree prints a tree by the library.
func printTree(root *Node) ([]byte, error) {
	return yaml.Dump(toLibrary(root, false), yaml.WithV3Defaults(), yaml.WithIndent(2),
		yaml.WithCompactSeqIndent(compactLists(root)), yaml.WithLineWidth(-1))
}

// compactLists reports whether the first block list in the input starts in the
// column of its key, as kubectl writes lists.
func compactLists(n *Node) bool {
	compact, _ := compactIn(n)
	return compact
}

func compactIn(n *Node) (compact, found bool) {
	if n.Kind != yaml.MappingNode {
		return false, false
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		v := n.Content[i+1]
		if v.Kind == yaml.SequenceNode && v.Style&yaml.FlowStyle == 0 && v.Column > 0 {
			return v.Column == n.Content[i].Column, true
		}
		if compact, found = compactIn(v); found {
			return compact, true
		}
	}
	return false, false
}
