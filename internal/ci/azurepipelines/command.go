package azurepipelines

import (
	"strings"

	"github.com/canarize/canarize/internal/ci"
)

// Property is a key and its value in a logging command.
type Property struct{ Key, Value string }

// Command returns a logging command, such as task.logissue, as one line. It formats like
// Microsoft's azure-pipelines-task-lib, and in addition breaks commands inside the text.
// It omits properties without a value.
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

// escapeData replaces the percent sign too, because it introduces the other escapes. A
// Replacer never looks at its own output.
func escapeData(s string) string {
	return strings.NewReplacer("%", "%AZP25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func escapeProperty(s string) string {
	return strings.NewReplacer("%", "%AZP25", "\r", "%0D", "\n", "%0A", "]", "%5D", ";", "%3B").Replace(s)
}

// oneLine makes foreign text safe for a command without escapes, such as ##[group].
func oneLine(s string) string {
	return ci.Harmless(strings.NewReplacer("\r", " ", "\n", " ").Replace(s))
}
