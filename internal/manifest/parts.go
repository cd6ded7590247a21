package manifest

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
)

// part holds whole documents of a text and the number of lines above them.
type part struct {
	text  []byte
	above int
}

const (
	minPart       = 64 << 10 // a smaller text is not worth its own goroutine
	maxPartValues = 500_000  // the most values that are read at the same time
)

// parts cuts a stream of YAML documents into at most n texts of at least the
// given size. Each can be read on its own, because a line that begins with
// "---" always starts a document: no scalar may contain one (YAML 1.2.2, rule
// c-forbidden).
func parts(text []byte, n, least int) []part {
	size := max(len(text)/n+1, least)
	if bytes.HasPrefix(text, []byte("%")) || bytes.Contains(text, []byte("\n%")) {
		size = len(text) // a directive belongs to the document after the next "---"
	}
	var all []part
	line := 0
	for len(text) > size {
		at := bytes.Index(text[size:], []byte("\n---\n"))
		if at < 0 {
			break
		}
		end := size + at + 1
		all = append(all, part{text[:end], line})
		line += bytes.Count(text[:end], []byte{'\n'})
		text = text[end:]
	}
	return append(all, part{text, line})
}

// loadParts reads the documents of all parts at the same time, each by read, and
// returns the results in order. It returns false if the text must be read as a
// whole: there is only one part, a part has an error, there are too many values,
// or the text has rare line breaks.
func loadParts[T any](s *source, all []part, read func(s *source, doc *Node) ([]T, error)) ([]T, bool) {
	if len(all) == 1 || len(s.breaks) > 0 {
		return nil, false
	}
	loaded, spent := make([][]T, len(all)), make([]budget, len(all))
	var values atomic.Int64
	var failed atomic.Bool
	var readers sync.WaitGroup
	for i, p := range all {
		readers.Go(func() {
			own := *s
			own.spent, spent[i].most = &spent[i], s.spent.most
			err := own.load(p.text, func(doc *Node) error {
				if failed.Load() || values.Add(int64(count(doc))) > maxPartValues {
					return errParts
				}
				moveDown(doc, p.above)
				results, err := read(&own, doc)
				loaded[i] = append(loaded[i], results...)
				return err
			})
			if err != nil {
				failed.Store(true)
			}
		})
	}
	readers.Wait()
	return slices.Concat(loaded...), !failed.Load() && s.spent.add(spent)
}

// add adds what the parts of a text have spent, if that is within the limits
// whatever their order.
func (b *budget) add(parts []budget) bool {
	sum := *b
	for _, p := range parts {
		sum.values += p.values
		sum.copied += p.copied
	}
	if sum.copied > maxCopiedValues || sum.values > b.most {
		return false
	}
	*b = sum
	return true
}

// errParts stops the reading of parts. No user sees it.
var errParts = errors.New("read the text as a whole")

// moveDown adds the number of lines above a part to the line numbers of a tree.
// It does not follow aliases: their targets are in the tree too.
func moveDown(n *Node, lines int) {
	if lines == 0 {
		return
	}
	if n.Line > 0 {
		n.Line += lines
	}
	for _, child := range n.Content {
		moveDown(child, lines)
	}
}
