package servicename

import (
	"slices"
	"strings"
)

// isAddress reports whether the name of a variable, key or flag says that its value is an
// address: the last word does, as in DB_HOST, upstreamUrl and --server. SERVER_NAME is
// about a name.
func isAddress(name string) bool {
	if letter := strings.TrimPrefix(name, "-"); letter == "h" || letter == "H" {
		return true // the host for psql, mysql, redis-cli and others
	}
	words := wordsOf(name)
	if len(words) == 0 || words[0] == "allowed" { // ALLOWED_HOSTS are the names of the application itself
		return false
	}
	last := words[len(words)-1]
	if len(words) > 1 && words[len(words)-2] == "host" && last == "name" || slices.Contains(addresses, last) {
		return true
	}
	for _, end := range []string{"host", "hosts", "addr", "url", "urls", "uri"} {
		if start, found := strings.CutSuffix(last, end); found && len(start) > 1 { // DBHOST, but no GHOST
			return true
		}
	}
	return false
}

var addresses = []string{
	"host", "hosts", "hostname", "hostnames", "addr", "addrs", "address", "addresses", "url", "urls", "uri", "uris",
	"endpoint", "endpoints", "server", "servers", "upstream", "upstreams", "backend", "backends",
}

// isImage reports whether the name of a variable, key or flag says that its value is a
// container image.
func isImage(name string) bool {
	words := wordsOf(name)
	return len(words) > 0 && (words[len(words)-1] == "image" || words[len(words)-1] == "images")
}

// wordsOf splits a name into its words, in lower case and without digits.
func wordsOf(name string) []string {
	var spaced strings.Builder
	for i := range len(name) {
		c := name[i]
		switch {
		case !isLetter(c):
			spaced.WriteByte(' ')
			continue
		case i > 0 && c < 'a' && 'a' <= name[i-1] && name[i-1] <= 'z': // camelCase
			spaced.WriteByte(' ')
		}
		spaced.WriteByte(c)
	}
	return strings.Fields(strings.ToLower(spaced.String()))
}
