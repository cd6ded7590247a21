package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"go.yaml.in/yaml/v4"
)

// batch is how many objects are printed and read once more together: a reader
// costs as much as a few objects.
const batch = 64

// Print writes objects as a stream of YAML documents.
func Print(objects []*Object) ([]byte, error) {
	texts := make([][]byte, len(objects))
	errs := make([]error, (len(objects)+batch-1)/batch)
	var next atomic.Int64
	var printers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(errs)) {
		printers.Go(func() {
			for n := int(next.Add(1)) - 1; n < len(errs); n = int(next.Add(1)) - 1 {
				first, end := n*batch, min((n+1)*batch, len(objects))
				errs[n] = printInto(texts[first:end], objects[first:end])
			}
		})
	}
	printers.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return join(texts), nil
}

func printInto(texts [][]byte, objects []*Object) error {
	for i, o := range objects {
		if text, ok := verbatim(o); ok {
			texts[i] = []byte(text)
		}
	}
	if mean(join(texts), objects) {
		return nil
	}
	for i, o := range objects { // find out which one does not
		if !mean(texts[i], objects[i:i+1]) {
			var err error
			if texts[i], err = encode(o.Root, o.compactLists()); err != nil {
				return fmt.Errorf("%s: %s: %w", o.Pos, o.ID(), err)
			}
		}
	}
	return nil
}

func join(texts [][]byte) []byte { return bytes.Join(texts, []byte("---\n")) }

// YAML returns the object as one YAML document without a separator: as the text
// it was read from with only the edited places changed where that is possible,
// encoded anew otherwise.
func (o *Object) YAML() ([]byte, error) { return Print([]*Object{o}) }

// mean says whether a text is a stream of documents with the trees of the
// objects as their values.
func mean(text []byte, objects []*Object) bool {
	loader, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithPlugin(limits{}))
	if err != nil {
		return false
	}
	for _, o := range objects {
		var doc Node
		if err := loader.Load(&doc); err != nil || len(doc.Content) != 1 || !same(doc.Content[0], o.Root) {
			return false
		}
	}
	return errors.Is(loader.Load(&Node{}), io.EOF)
}

// encode writes a tree anew. It works on a copy, because the library takes the
// tags it does not need off the tree it writes.
func encode(n *Node, compactLists bool) ([]byte, error) {
	return yaml.Dump(Clone(n), yaml.WithV3Defaults(), yaml.WithIndent(2), yaml.WithCompactSeqIndent(compactLists), yaml.WithLineWidth(-1))
}

// compactLists says whether the object's first list in block style stands at
// the column of its key, as kubectl writes lists.
func (o *Object) compactLists() bool {
	if o.orig == nil {
		return false
	}
	compact, _ := compactIn(o.orig)
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
