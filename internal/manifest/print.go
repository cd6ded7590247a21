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
			for n := int(next.Add(1)) - 1; n < len(objects); n = int(next.Add(1)) - 1 {
				texts[n], errs[n] = objects[n].YAML()
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

// YAML returns the object as one YAML document without a separator. Comments,
// the order of keys, quotes and the indentation of lists are those of the text
// it was read from; blank lines and line breaks within a text are not.
func (o *Object) YAML() ([]byte, error) {
	// The library takes the tags it does not need off the tree it writes.
	text, err := yaml.Dump(Clone(o.Root), yaml.WithV3Defaults(), yaml.WithIndent(2),
		yaml.WithCompactSeqIndent(compactLists(o.Root)), yaml.WithLineWidth(-1))
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", o.Pos, o.ID(), err)
	}
	return text, nil
}

// compactLists says whether the first list in block style that was read stands
// at the column of its key, as kubectl writes lists.
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
