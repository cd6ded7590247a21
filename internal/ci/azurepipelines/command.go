package azurepipelines

import (
	"strings"

	"github.com/canarize/canarize/internal/ci"
)

// Property is a key of a logging command with its value.
type Property struct{ Key, Value string }

// Command is a logging command, such as task.logissue, as one line: as the
// formatter of Microsoft's azure-pipelines-task-lib writes it, except that
// commands within the text are broken. Properties without a value are left out.
func Command(name, data string, properties ...Property) string {
	var b strings.Builder
	b.WriteString("##vso[" + name)
	separator := " "
	for _, p := range properties {
		if p.Value != "" {
			b.WriteString(separator + p.Key + "=" + escapeProperty(ci.Harmless(p.Value)) + ";")
			separator = ""
		}
	}
	b.WriteString("]" + escapeData(ci.Harmless(data)))
	return b.String()
}

// The percent sign comes first: it is the mark of the other escapes. A Replacer
// looks at every character once.
func escapeData(s string) string {
	return strings.NewReplacer("%", "%AZP25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func escapeProperty(s string) string {
	return strings.NewReplacer("%", "%AZP25", "\r", "%0D", "\n", "%0A", "]", "%5D", ";", "%3B").Replace(s)
}

// oneLine is foreign text in a command that has no escapes.
func oneLine(s string) string {
	return ci.Harmless(strings.NewReplacer("\r", " ", "\n", " ").Replace(s))
}
