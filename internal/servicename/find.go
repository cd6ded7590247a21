package servicename

import (
	"regexp"
	"slices"
	"strings"
)

// InVariable returns the Services that the value of a variable names, each once. A single
// word may be the name of anything, so it counts only if the name of the variable says
// that its value is an address.
func InVariable(variable, value string) []Name { return find(variable, value) }

// InArguments returns the Services that a command and its arguments name, each once. A
// single word counts only after a flag whose name says that its value is an address.
func InArguments(arguments []string) []Name { return find("", strings.Join(arguments, " ")) }

// find returns the Services that a text names. The text is read as words that spaces,
// quotes, brackets, commas and semicolons separate. A word may be a pair, KEY=VALUE, or
// follow a flag, --KEY VALUE; the key then takes the place of the variable.
func find(variable, text string) []Name {
	f := finder{variable: variable}
	text = reference.ReplaceAllLiteralString(text, "$")
	for {
		end := strings.IndexAny(text, separators)
		if end < 0 {
			f.word(text)
			return f.found
		}
		f.word(text[:end])
		f.separated(text[end])
		text = text[end+1:]
	}
}

const separators = " \t\r\n,;\"'`()[]{}<>|&"

// reference matches a reference to a variable, in the syntax of Kubernetes, $(NAME), or of
// a shell. find replaces it by a $.
var reference = regexp.MustCompile(`\$(\([-A-Za-z0-9._]+\)|\{[A-Za-z0-9_]+\}|[A-Za-z_][A-Za-z0-9_]*)`)

// finder reads a text word by word.
type finder struct {
	variable string
	key      string // of the pair or flag that the next words belong to, or ""
	waits    bool   // the value of key has not come yet
	url      part   // of a URL that the next word continues
	found    []Name
}

// part is a part of a URL.
type part int

const (
	none part = iota
	hosts
	rest // its path, query and fragment
)

// separated ends what the next word does not belong to. A comma separates the hosts of a
// URL, or the parts of a value.
func (f *finder) separated(by byte) {
	if by == ',' {
		return
	}
	f.url = none
	if !f.waits {
		f.key = ""
	}
}

func (f *finder) word(word string) {
	if key, value, found := strings.Cut(word, "="); found && isKey(key) {
		f.key, f.waits = key, true
		word = value
	} else if strings.HasPrefix(word, "-") {
		f.key, f.waits = word, true
		return
	}
	if word == "" {
		return
	}
	f.waits = false
	switch {
	case strings.Contains(word, "://"):
		f.urls(word)
	case f.url == hosts:
		f.host(word)
	case f.url == none:
		f.plain(word)
	}
}

// isKey reports whether a text can be the key of a pair: a word without the characters of
// a URL or path.
func isKey(text string) bool {
	for i := range len(text) {
		if c := text[i]; !isLetter(c) && !isDigit(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return text != ""
}

// urls adds the hosts of the URLs in a word; one may be a parameter of another.
func (f *finder) urls(word string) {
	for {
		before, after, found := strings.Cut(word, "://")
		if !found {
			return
		}
		start := len(before)
		for start > 0 && isSchemeChar(before[start-1]) {
			start--
		}
		scheme := strings.ToLower(before[start:])
		if slices.Contains(resolvers, scheme) {
			after = strings.TrimPrefix(after, "/") // there may be no server between the slashes
		}
		if f.url = rest; !slices.Contains(placeless, scheme) {
			f.host(after)
		}
		word = after
	}
}

// resolvers lists schemes whose URLs name a server to ask and then a host, as in
// dns:///web:80 (gRPC Name Resolution).
var resolvers = []string{"dns", "passthrough", "kubernetes", "k8s", "xds"}

// placeless lists schemes whose URLs name a file, a bucket or an image, but no host.
var placeless = []string{"", "file", "unix", "npipe", "sqlite", "sqlite3", "s3", "s3a", "s3n", "gs", "gcs", "oss", "classpath", "resource", "docker", "oci", "spiffe", "secret"}

// host adds the host of the text that follows "://".
func (f *finder) host(text string) {
	f.url = hosts
	if end := strings.IndexAny(text, "/?#\\"); end >= 0 {
		text, f.url = text[:end], rest
	}
	host, port, hasPort := strings.Cut(text[strings.LastIndex(text, "@")+1:], ":")
	if !hasPort || port == "" || couldBePort(port) {
		f.add(host)
	}
}

// couldBePort reports whether a text is a port, or a variable.
func couldBePort(text string) bool { return isPort(text) || text == "$" }

// plain adds the host of a word without "://": HOST:PORT, or a host alone. Other parts may
// stand before and after the two, as in dns:web:80 and me@web:80/path.
func (f *finder) plain(word string) {
	about := f.variable
	if f.key != "" {
		about = f.key
	}
	if isImage(about) {
		return // web:1 is an image
	}
	if _, address, found := strings.Cut(word, "@//"); found { // jdbc:oracle:thin:@//web:1521/shop
		word = address
	}
	word = strings.TrimPrefix(word, "//")
	path := strings.IndexAny(word, "/?#\\")
	if path >= 0 {
		word = word[:path]
	}
	parts := strings.Split(word, ":")
	for i, port := range parts[1:] {
		if couldBePort(port) {
			f.add(parts[i][strings.LastIndex(parts[i], "@")+1:])
		}
	}
	qualified := strings.Contains(strings.TrimSuffix(word, ".$"), ".")
	if len(parts) == 1 && path < 0 && (qualified || isAddress(about)) {
		f.add(word)
	}
}

// add adds the Service that a host names. A variable in the place of the namespace or of
// the cluster's domain is taken for the own one.
func (f *finder) add(host string) {
	labels := strings.SplitN(strings.TrimSuffix(host, ".$"), ".", 3)
	own := len(labels) > 1 && labels[1] == "$"
	if own {
		labels[1] = "own"
	}
	n, ok := Parse(strings.Join(labels, "."))
	if own {
		n.Namespace = ""
	}
	switch {
	case !ok, slices.Contains(f.found, n):
	case n.Namespace == "" && isDigits(n.Service): // a number
	default:
		f.found = append(f.found, n)
	}
}
