package model

import (
	"regexp"
	"strings"
)

// verdict says whether a match fits a request. The verdict about several conditions is
// the least of theirs.
type verdict int

const (
	no   verdict = iota
	open         // depends on the implementation
	yes
)

func verdictOf(fits bool) verdict {
	if fits {
		return yes
	}
	return no
}

// kind is how a pattern compares. The values are those of the API.
type kind string

const (
	everything kind = ""
	exact      kind = "Exact"
	prefix     kind = "PathPrefix"
	regular    kind = "RegularExpression"
)

// pattern compares a text: a path, the value of a header or query parameter, or the name
// of a gRPC service or method.
type pattern struct {
	kind kind
	text string
	// whole and part match a regular expression with the whole of a text, and with a
	// part of it; nil if it is none in Go's syntax (RE2).
	whole, part *regexp.Regexp
}

func newPattern(k kind, text string) pattern {
	p := pattern{kind: k, text: text}
	if k != regular {
		return p
	}
	part, err := regexp.Compile(text)
	if err != nil {
		return p
	}
	if whole, err := regexp.Compile(`^(?:` + text + `)$`); err == nil {
		p.whole, p.part = whole, part
	}
	return p
}

// fits compares a text. An exact value has to be equal, case included; a prefix is
// compared element by element, and a / at its end is ignored (PathMatchType). The dialect
// of regular expressions is implementation-specific. So is whether they must match the
// whole text: Envoy says so, NGINX does not.
func (p pattern) fits(s string) verdict {
	switch p.kind {
	case exact:
		return verdictOf(s == p.text)
	case prefix:
		rest, found := strings.CutPrefix(s, p.trimmed())
		return verdictOf(found && (rest == "" || rest[0] == '/'))
	case regular:
		switch {
		case p.whole == nil:
			return open
		case p.whole.MatchString(s):
			return yes
		case p.part.MatchString(s):
			return open
		}
		return no
	}
	return yes
}

// trimmed returns the text of a pattern; that of a prefix without the / at its end.
func (p pattern) trimmed() string {
	if p.kind == prefix {
		return strings.TrimSuffix(p.text, "/")
	}
	return p.text
}

// key identifies what a pattern fits.
func (p pattern) key() string { return string(p.kind) + " " + p.trimmed() }

// covers reports whether a pattern fits every text that another fits, as far as it shows.
func (p pattern) covers(other pattern) bool {
	same := p.kind == other.kind && p.trimmed() == other.trimmed()
	return same || p.kind == everything || other.kind == exact && p.kind == regular && p.fits(other.text) == yes
}

func (p pattern) String() string {
	switch p.kind {
	case exact:
		return "= " + p.text
	case regular:
		return "~ " + p.text
	}
	return p.text
}

// condition compares a header or a query parameter.
type condition struct {
	name  string // of a header in lower case
	value pattern
}

func (c condition) String() string {
	if c.value.kind == regular {
		return c.name + ": ~ " + c.value.text
	}
	return c.name + ": " + c.value.text
}

// fits compares the values of a header or parameter. What happens to a header that is
// repeated is implementation-specific (HTTPHeaderMatch), and to a parameter left open
// (HTTPQueryParamMatch).
func (c condition) fits(values []string) verdict {
	if len(values) == 0 {
		return no
	}
	out := c.value.fits(values[0])
	for _, v := range values[1:] {
		if v != values[0] || c.value.fits(v) != out {
			return open
		}
	}
	return out
}

// coverAll reports whether every condition is implied by one of others.
func coverAll(conditions, others []condition) bool {
	for _, c := range conditions {
		implied := false
		for _, o := range others {
			implied = implied || o.name == c.name && c.value.covers(o.value)
		}
		if !implied {
			return false
		}
	}
	return true
}
