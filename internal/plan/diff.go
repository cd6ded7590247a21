package plan

import (
	"bytes"

	"github.com/rogpeppe/go-internal/diff"
	"go.yaml.in/yaml/v4"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/redact"
)

// Diff returns a unified diff from every stable object to its canary. If the canary was
// made from an object of another kind, such as a Mapping from a Service's annotation, it
// is shown as new. The values of Secrets are masked.
func Diff(g Generated) ([]byte, error) {
	var out bytes.Buffer
	for _, d := range g.Derived {
		stable, err := maskedYAML(d.Stable)
		if err != nil {
			return nil, err
		}
		from := d.Stable.Pos.String() + " " + d.Stable.ID().String()
		if d.Stable.Kind() != d.Canary.Kind() {
			stable, from = nil, "/dev/null"
		}
		canary, err := maskedYAML(d.Canary)
		if err != nil {
			return nil, err
		}
		_, hunks, _ := bytes.Cut(diff.Diff(from, stable, d.Canary.ID().String(), canary), []byte("\n"))
		out.Write(hunks) // without the line "diff OLD NEW", which patch does not understand
	}
	return out.Bytes(), nil
}

func maskedYAML(o *manifest.Object) ([]byte, error) {
	if o.Kind() == "Secret" && o.Group() == "" {
		o = o.Clone()
		for _, field := range []string{"data", "stringData"} {
			values := manifest.Get(o.Root, field)
			if values != nil && values.Kind != yaml.MappingNode { // invalid, but it may hold secrets
				manifest.PutString(o.Root, field, "(masked)")
				continue
			}
			for _, key := range manifest.Keys(values) {
				manifest.PutString(values, key, "(masked)")
			}
		}
		if kept := manifest.Get(o.Root, "metadata", "annotations"); kept != nil {
			manifest.Delete(kept, redact.LastApplied)
		}
	}
	return o.YAML()
}
