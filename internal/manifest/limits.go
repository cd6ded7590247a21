package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// The limits of an input. The API server takes objects of at most 1.5 MiB, so
// that only hostile or mistaken input comes near them. A value costs about 200
// bytes of memory however short its text is, so values are what is counted.
const (
	MaxFileBytes      = 16 << 20  // one file or stream
	MaxTotalBytes     = 64 << 20  // all files of one call
	MaxDepth          = 200       // levels of nesting
	MaxDocumentValues = 1_000_000 // values in one document
	MaxValues         = 2_000_000 // values in all documents of one call, aliases expanded

	// Aliases may copy this many values, and besides ten times as many as are
	// written out.
	maxCopiedValues = 100_000
)

// TooLarge is the error for an input with more than MaxTotalBytes; name is the
// source that went over it.
func TooLarge(name string) error {
	return fmt.Errorf("%s: the input is larger than %d MiB in all; pass the files of one application only", name, MaxTotalBytes>>20)
}

// budget is how many values the documents of one call have had.
type budget struct {
	values int // written out
	copied int // by aliases
	most   int // of both
}

// Guard checks texts that another reader will parse, one that has no limits.
type Guard struct{ spent budget }

// NewGuard makes a Guard that lets the given number of values pass, in all texts
// together.
func NewGuard(values int) *Guard { return &Guard{spent: budget{most: values}} }

// Check refuses a text that is too large or deep, has too many values, or would have with
// its aliases expanded. What is wrong with it otherwise, and whether it is YAML
// at all, is left to the reader.
func (g *Guard) Check(s Source) error {
	if len(s.Data) > MaxFileBytes {
		return tooLargeFile(s.Name)
	}
	src := newSource(s)
	src.spent = &g.spent
	if line := tooManyValues(src.text); line > 0 {
		return tooManyInDocument(s.Name, line)
	}
	loader, err := yaml.NewLoader(bytes.NewReader(src.text), yaml.WithPlugin(limits{}))
	if err != nil {
		return nil // the reader will say what is wrong
	}
	for {
		var doc Node
		if err := loader.Load(&doc); err != nil {
			if isDepth(err) {
				return src.syntaxError(err)
			}
			return nil
		}
		if err := src.spend(&doc); err != nil {
			return err
		}
		if len(doc.Content) == 0 {
			continue
		}
		if err := src.expand(doc.Content[0]); err != nil {
			return err
		}
	}
}

func tooLargeFile(name string) error {
	return fmt.Errorf("%s: larger than %d MiB, the most that is read from one file; split it", name, MaxFileBytes>>20)
}

func tooManyInDocument(name string, line int) error {
	return fmt.Errorf("%s:%d: the document that starts here has more than %d values, the most that one document may have; split it", name, line, MaxDocumentValues)
}

// limits are the limits of the YAML loader. Aliases are counted in expand.go,
// where they are followed.
type limits struct{}

var errDepth = fmt.Errorf("nested deeper than %d levels, the most that is read; look for brackets that are opened and not closed", MaxDepth)

func (limits) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > MaxDepth {
		return errDepth
	}
	return nil
}

func (limits) CheckAlias(int, int) error { return nil }

func isDepth(err error) bool {
	return errors.Is(err, errDepth) || strings.Contains(err.Error(), errDepth.Error())
}
