package redact

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// secretWords matches names of values that are secrets.
const secretWords = `tokens?|passw(?:or)?d|passphrase|passwd|pwd|secrets?|credentials?|api[_-]?key|apikey|access[_-]?key|account[_-]?key|private[_-]?key|shared[_-]?key|client[_-]?key|encryption[_-]?key|auth(?:orization)?|cookie|jwt|dsn|connection[_-]?string`

// Patterns of secrets, and of places where secrets stand.
var (
	secretName = regexp.MustCompile(`(?i)(?:` + secretWords + `|key|sig|signature|pass|pat)$`)

	pem = regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*-----.*?(?:-----END [A-Z0-9 ]*-----|$)`)
	// An address ends at white space or a quote.
	address = regexp.MustCompile("[a-zA-Z][a-zA-Z0-9+.-]*://[^\\s\"'`<>]+")
	// A header value ends with its line or at a quote.
	header = regexp.MustCompile(`(?i)\b((?:proxy-)?authorization|(?:set-)?cookie|x-[a-z-]*(?:token|key|auth)[a-z-]*)(["']?[ \t]*[:=][ \t]*["']?)([^\r\n"']+)`)
	scheme = regexp.MustCompile(`(?i)\b(bearer|basic|negotiate|sharedkey|sharedaccesssignature)([ \t]+)([^\s"'<>,;]+)`)
	jwt    = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)*`)
	// A query parameter without its address.
	parameter = regexp.MustCompile("([?&][A-Za-z0-9_.~%-]+=)([^\\s&\"'`<>]+)")
	named     = regexp.MustCompile(`(?i)(/?)((?:[\w.-]*(?:` + secretWords + `)[\w-]*|\b(?:[\w.-]*[_.-])?(?:key|sig|signature|pass|pat))\\?["']?[ \t]*[:=][ \t]*)(\\?"(?:[^"\\\n]|\\.)*"?|'[^'\n]*'?|[^\s"'<>]+)`)

	// Errors about Secrets may quote their content.
	ofSecret = regexp.MustCompile(`(?i)\bsecrets?\b`)
	shown    = regexp.MustCompile(`(?i)(?:\b(?:value:[ \t]*|got[ \t]+|literal[ \t]+|found in #))("(?:[^"\\\n]|\\.)*"?|[^\r\n]+)`)
	content  = regexp.MustCompile(`(?is)(?:string)?data\\?"?[ \t]*:[ \t]*(?:map\[[^{]*)?(\{[^}]*\}?|map\[[^\]]*\]?|"[^"]*"?)`)
)

// maxPasses bounds how often Text masks a text: a mask may make something else look like
// a secret.
const maxPasses = 8

// Text masks everything in a foreign text that looks like a secret: passwords, queries
// and fragments of addresses, HTTP credentials, tokens, PEM keys, values after words like
// token= and password:, long random strings, and values in errors about Secrets. The
// result is at most three times as long as the text. Text(Text(s)) equals Text(s).
func Text(text string) string {
	for range maxPasses {
		masked := once(text)
		if masked == text {
			return text
		}
		text = masked
	}
	return Mask // the text still changes: it is no ordinary text
}

func once(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	for _, rule := range rules {
		if rule.may(text) {
			text = rule.mask(text)
		}
	}
	return inRuns(text)
}

// rule masks one kind of secret. may is a cheap test that most texts fail.
type rule struct {
	may  func(text string) bool
	mask func(text string) string
}

var rules = []rule{
	{has("-----BEGIN "), func(text string) string { return pem.ReplaceAllString(text, Mask) }},
	{has("://"), func(text string) string { return address.ReplaceAllStringFunc(text, inAddress) }},
	{valued, func(text string) string { return replace(header, text, behind) }},
	{anyOf("bearer", "basic", "negotiate", "shared"), func(text string) string { return replace(scheme, text, inScheme) }},
	{has("eyJ"), func(text string) string { return jwt.ReplaceAllString(text, Mask) }},
	{has("="), func(text string) string { return parameter.ReplaceAllString(text, "${1}"+Mask) }},
	{valued, func(text string) string { return replace(named, text, inNamed) }},
	{anyOf("secret"), inErrorOfSecret},
}

func has(part string) func(string) bool {
	return func(text string) bool { return strings.Contains(text, part) }
}

// anyOf finds words regardless of case.
func anyOf(words ...string) func(string) bool {
	return func(text string) bool {
		lower := strings.ToLower(text)
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(lower, word) })
	}
}

// valued reports whether a text may contain the name of a secret and its value.
func valued(text string) bool { return strings.ContainsAny(text, ":=") && secretStem(text) }

var secretStem = anyOf("token", "pass", "pwd", "secret", "credential", "key", "auth", "cookie", "jwt", "dsn", "connection", "sig", "pat")

func inScheme(groups []string) string {
	if ordinary(groups[3]) {
		return groups[0]
	}
	return behind(groups)
}

func inErrorOfSecret(text string) string {
	if !ofSecret.MatchString(text) {
		return text
	}
	return replace(content, replace(shown, text, behind), behind)
}

// replace is like ReplaceAllStringFunc, but passes the groups of each match.
func replace(pattern *regexp.Regexp, text string, with func(groups []string) string) string {
	return pattern.ReplaceAllStringFunc(text, func(match string) string {
		groups := pattern.FindStringSubmatch(match)
		if groups == nil { // it matched only because of the text before it
			return match
		}
		return with(groups)
	})
}

// behind masks the last group of a match, unless it is masked already.
func behind(groups []string) string {
	value := groups[len(groups)-1]
	if strings.HasPrefix(strings.TrimLeft(value, `\"'`), Mask) {
		return groups[0]
	}
	return strings.TrimSuffix(groups[0], value) + Mask
}

// ordinary reports whether the word after the name of a scheme belongs to a sentence, as
// in "the bearer token is missing".
func ordinary(word string) bool {
	switch strings.ToLower(strings.TrimRight(word, ".:!?)")) {
	case "token", "tokens", "auth", "authentication", "authorization", "credential", "credentials", "realm", "scheme", "is", "was", "and", "or", "not", "header", Mask:
		return true
	}
	return false
}

// inNamed masks the value after a name such as token=. It leaves three things alone: a
// message about an object ("Deployment shop/token: not ready"), a message of the API
// server about a field ("secretName: Required value"), and a variable such as $(TOKEN).
func inNamed(groups []string) string {
	name, value := groups[1]+groups[2], groups[3]
	if strings.HasPrefix(strings.TrimLeft(value, `\"'`), Mask) || groups[1] != "" && strings.HasSuffix(name, ": ") && !strings.ContainsAny(name, `"'=`) {
		return groups[0]
	}
	if strings.HasPrefix(value, "$(") || strings.HasPrefix(value, "${") {
		return groups[0]
	}
	for _, said := range []string{"Required", "Not", "Invalid", "Forbidden", "Unsupported", "Duplicate", "Too", "Internal"} {
		if value == said {
			return groups[0]
		}
	}
	end := strings.TrimRight(value, ",.;:)]}")
	if end == "" {
		return groups[0]
	}
	return name + Mask + value[len(end):]
}

// inAddress masks the user name, password, query and fragment of an address.
func inAddress(address string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	if at := strings.LastIndex(rest[:end], "@"); at >= 0 {
		rest = Mask + rest[at:]
	} else if _, port, found := strings.Cut(rest[:end], ":"); found && strings.ContainsFunc(port, func(r rune) bool { return !unicode.IsDigit(r) }) {
		if at := strings.LastIndex(rest, "@"); at >= 0 { // a password with a slash in it
			rest = Mask + rest[at:]
		}
	}
	rest, _, fragment := strings.Cut(rest, "#")
	path, query, asked := strings.Cut(rest, "?")
	if asked {
		path += "?" + inQuery(query)
	}
	if fragment {
		path += "#" + Mask
	}
	return scheme + "://" + path
}

// inQuery masks the values of a query, and parts without a name.
func inQuery(query string) string {
	parts := strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' })
	for i, part := range parts {
		name, _, found := strings.Cut(part, "=")
		if !found {
			parts[i] = Mask
			continue
		}
		parts[i] = name + "=" + Mask
	}
	return strings.Join(parts, "&")
}

// inRuns masks long runs of random letters.
func inRuns(text string) string {
	var out strings.Builder
	last := 0
	for from := 0; from < len(text); from++ {
		end := from
		for end < len(text) && inRun(text[end]) {
			end++
		}
		if end-from >= minRun && random(text[:from], text[from:end]) {
			for end < len(text) && text[end] == '=' { // base64 padding
				end++
			}
			out.WriteString(text[last:from] + Mask)
			last = end
		}
		from = end
	}
	if last == 0 {
		return text
	}
	return out.String() + text[last:]
}

// minRun is the length from which a run of random letters counts as a secret.
const minRun = 20

// inRun reports whether a byte occurs in hex, base64 or URL-safe base64.
func inRun(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("+/_-", b) >= 0
}

// random reports whether a run of letters after the text before is likely to be a secret.
// Names of objects, digests and paths are not: names have no upper-case letters, digests
// follow sha256:, and the parts of paths are short.
func random(before, run string) bool {
	hex, lower, upper, digit := true, false, false, false
	for _, r := range run {
		lower, upper, digit = lower || unicode.IsLower(r), upper || unicode.IsUpper(r), digit || unicode.IsDigit(r)
		hex = hex && strings.ContainsRune("0123456789abcdefABCDEF", r)
	}
	if hex && digit && len(run) >= 32 {
		return !tagOrDigest(before)
	}
	longest := 0
	for part := range strings.SplitSeq(run, "/") {
		longest = max(longest, len(part))
	}
	return lower && upper && digit && longest >= 16
}

// tagOrDigest reports whether the text that follows before is the tag or digest of an
// image.
func tagOrDigest(before string) bool {
	name, found := strings.CutSuffix(before, ":")
	return found && name != "" && !unicode.IsSpace(rune(name[len(name)-1])) && !strings.HasSuffix(name, `"`)
}
