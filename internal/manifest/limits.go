package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// The limits of an input. The API server accepts objects of at most 1.5 MiB, so
// only hostile or mistaken input comes near them. A value costs about 100 bytes
// of memory, however short its text, so the limits count values.
const (
	MaxFileBytes      = 16 << 20  // one file or stream
	MaxTotalBytes     = 64 << 20  // all files of one call
	MaxDepth          = 200       // levels of nesting
	MaxDocumentValues = 1_000_000 // values in one document
	MaxValues         = 2_000_000 // values in all documents of one call, aliases expanded

	// Aliases may copy this many values, plus ten times the number of values
	// written out.
	maxCopiedValues = 100_000
)

// TooLarge returns the error for an input larger than MaxTotalBytes. name is
// the source that exceeded the limit.
func TooLarge(name string) error {
	return fmt.Errorf("%s: the input is larger than %d MiB in all; pass the files of one application only", name, MaxTotalBytes>>20)
}

// budget counts the values in the documents of one call.
type budget struct {
	values int // written out
	copied int // by aliases
	most   int // limit of the sum
}

// Guard checks texts before they go to another parser that has no limits.
type Guard struct{ spent budget }

// NewGuard makes a Guard that allows the given number of values in all texts
// together.
func NewGuard(values int) *Guard { return &Guard{spent: budget{most: values}} }

// Check rejects a text that is too large, nested too deeply, or has too many
// values, aliases expanded. It does not report other errors: the parser does.
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
		return nil // the parser will report it
	}
	for {
		var read yaml.Node
		if err := loader.Load(&read); err != nil {
			if isDepth(err) {
				return src.syntaxError(err)
			}
			return nil
		}
		doc := fromLibrary(&read)
		if err := src.spend(doc); err != nil {
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
	return fmt.Errorf("%s: larger than %d MiB, the limit for one file; split it", name, MaxFileBytes>>20)
}

func tooManyInDocument(name string, line int) error {
	return fmt.Errorf("%s:%d: the document that starts here has more than %d values, the limit for one document; split it", name, line, MaxDocumentValues)
}

// limits sets the limits of the YAML loader. expand.go counts aliases when it
// follows them.
type limits struct{}

var errDepth = fmt.Errorf("nested deeper than %d levels, the limit; look for unclosed brackets", MaxDepth)

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
