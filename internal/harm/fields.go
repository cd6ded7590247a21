package harm

import (
	"regexp"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
)

// references matches a reference to another variable.
var references = regexp.MustCompile(`\$\([^()]*\)`)

// ofOnePod reports whether a field of the downward API is different for every pod.
func ofOnePod(path string) bool {
	switch path {
	case "metadata.name", "metadata.uid", "status.podIP", "status.podIPs":
		return true
	}
	return false
}

// subscript returns KEY of FIELD['KEY'], as the downward API writes it.
func subscript(path, field string) (key string, is bool) {
	rest, is := strings.CutPrefix(path, field+"['")
	if !is {
		return "", false
	}
	return strings.CutSuffix(rest, "']")
}

// texts returns the scalars of the list at a path.
func texts(n *manifest.Node, path ...string) []string {
	var all []string
	for _, item := range manifest.Items(n, path...) {
		if manifest.IsScalar(item) {
			all = append(all, item.Value)
		}
	}
	return all
}
