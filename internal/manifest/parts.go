package manifest

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
)

// part is whole documents of a text, and how many lines stand above them.
type part struct {
	text  []byte
	above int
}

const (
	minPart       = 64 << 10 // the least text that is worth a goroutine of its own
	maxPartValues = 500_000  // the most values that are held in memory before any is looked at
)

// parts cuts a stream of YAML documents into at most n texts of at least a size
// that can be read apart. A line that begins with "---" always starts a document, whatever it
// stands in: no scalar may have one (YAML 1.2.2, rule c-forbidden).
func parts(text []byte, n, least int) []part {
	size := max(len(text)/n+1, least)
	if bytes.HasPrefix(text, []byte("%")) || bytes.Contains(text, []byte("\n%")) {
		size = len(text) // a directive belongs to the document behind the next "---"
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

// loadParts reads the documents of all parts, in order. It says false for what
// has to be read as a whole: one part, an error in one, too many values, lines
// that are counted in another way.
func (s *source) loadParts(all []part) ([]*Node, bool) {
	if len(all) == 1 || len(s.breaks) > 0 {
		return nil, false
	}
	loaded := make([][]*Node, len(all))
	var values atomic.Int64
	var failed atomic.Bool
	var readers sync.WaitGroup
	for i, p := range all {
		readers.Go(func() {
			err := s.load(p.text, func(doc *Node) error {
				if failed.Load() || values.Add(int64(count(doc))) > maxPartValues {
					return errParts
				}
				moveDown(doc, p.above)
				loaded[i] = append(loaded[i], doc)
				return nil
			})
			if err != nil {
				failed.Store(true)
			}
		})
	}
	readers.Wait()
	return slices.Concat(loaded...), !failed.Load()
}

// errParts ends the reading of parts. It is never shown.
var errParts = errors.New("not to be read in parts")

// moveDown adds the lines that stand above a part to the lines of a tree. The
// lines of what an alias names are moved where they stand.
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
