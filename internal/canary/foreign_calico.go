package canary

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
)

// byExpression is the form of Calico's selectors. They are expressions such as
// "app == 'web' && has(tier)". The package libcalico-go/lib/selector of
// github.com/projectcalico/calico defines their grammar.
var byExpression = form{
	read: func(n *manifest.Node) (query, bool) {
		if !manifest.IsScalar(n) {
			return nil, false
		}
		q, err := parseCalico(n.Value)
		return q, err == nil
	},
	relabel: func(n *manifest.Node, q query, of []twins) {
		manifest.SetString(n, q.(*calicoQuery).ofCanaries(of))
	},
}

// calicoQuery is a parsed expression.
type calicoQuery struct {
	text string
	root calicoNode
	// literals are the values in the text that a label is or is one of.
	literals []calicoLiteral
	looksAt  tests
	keys     map[string]bool // the labels that it looks at; "global()" if it has that
}

type calicoLiteral struct {
	key, value string
	from, to   int // in the text, without quotes
}

// calicoNode is a part of an expression.
type calicoNode struct {
	operator string // "and", "or", "not" over parts; "all", "has", "is", "contains", "starts", "ends" about a label
	parts    []calicoNode
	key      string
	values   []string // of which one holds
}

func (q *calicoQuery) takes(p pod) bool { return q.root.takes(p) }

func (q *calicoQuery) tests() tests { return q.looksAt }

// rough returns the values of labels that every pod must have.
func (q *calicoQuery) rough() selector {
	s := selector{equal: map[string]string{}}
	must := []calicoNode{q.root}
	if q.root.operator == "and" {
		must = q.root.parts
	}
	for _, n := range must {
		if n.operator == "is" && !strings.HasPrefix(n.key, calicoPrefix) {
			s.terms = append(s.terms, term{n.key, "In", n.values})
		}
	}
	return s
}

// Labels that Calico gives a pod beside its own.
const (
	calicoPrefix    = "projectcalico.org/"
	calicoNamespace = "projectcalico.org/namespace"
	calicoAccount   = "projectcalico.org/serviceaccount"
	calicoOrigin    = "projectcalico.org/orchestrator" // k8s for every pod
)

func (n calicoNode) takes(p pod) bool {
	switch n.operator {
	case "and":
		return !slices.ContainsFunc(n.parts, func(part calicoNode) bool { return !part.takes(p) })
	case "or":
		return slices.ContainsFunc(n.parts, func(part calicoNode) bool { return part.takes(p) })
	case "not":
		return !n.parts[0].takes(p)
	case "all":
		return true
	}
	value, found := p.labels[n.key]
	switch n.key {
	case calicoNamespace:
		value, found = p.namespace, true
	case calicoAccount:
		value, found = p.account, true
	case calicoOrigin:
		value, found = "k8s", true
	}
	return found && n.holds(value)
}

func (n calicoNode) holds(value string) bool {
	return slices.ContainsFunc(n.values, func(v string) bool {
		switch n.operator {
		case "contains":
			return strings.Contains(value, v)
		case "starts":
			return strings.HasPrefix(value, v)
		case "ends":
			return strings.HasSuffix(value, v)
		}
		return value == v
	}) || n.operator == "has"
}

// ofCanaries returns the expression with the values of the canary pods, and with their
// track, so that it takes no others.
func (q *calicoQuery) ofCanaries(of []twins) string {
	text, end := "", 0
	for _, l := range q.literals {
		value := l.value
		for _, t := range of {
			if canary := t.canary.labels[l.key]; canary != "" && t.stable.labels[l.key] == l.value {
				value = canary
			}
		}
		text += q.text[end:l.from] + value
		end = l.to
	}
	text = strings.TrimSpace(text + q.text[end:])
	if q.root.operator == "or" {
		text = "(" + text + ")"
	}
	return fmt.Sprintf("%s && %s == '%s'", text, TrackLabel, TrackCanary)
}

// maxSelectorDepth limits brackets, so that hostile input does not use up the stack.
const maxSelectorDepth = 100

var errCalico = errors.New("no expression of Calico")

// parseCalico parses an expression. The empty one takes all pods.
func parseCalico(text string) (*calicoQuery, error) {
	if len(text) > maxSelectorText {
		return nil, errCalico
	}
	p := calicoParser{query: &calicoQuery{text: text, keys: map[string]bool{}}}
	if p.space(); p.at == len(text) {
		p.query.root = calicoNode{operator: "all"}
		return p.query, nil
	}
	root, ok := p.either(0)
	if p.space(); !ok || p.at < len(text) {
		return nil, errCalico
	}
	p.query.root = root
	return p.query, nil
}

// calicoParser reads an expression from the left. Its methods return false at the first
// mistake.
type calicoParser struct {
	query *calicoQuery
	at    int
}

func (p *calicoParser) rest() string { return p.query.text[p.at:] }

func (p *calicoParser) space() {
	p.at = len(p.query.text) - len(strings.TrimLeft(p.rest(), " \t"))
}

// accept skips a word, if it is next.
func (p *calicoParser) accept(word string) bool {
	if p.space(); !strings.HasPrefix(p.rest(), word) {
		return false
	}
	p.at += len(word)
	return true
}

// either reads parts between "||".
func (p *calicoParser) either(depth int) (calicoNode, bool) {
	return p.list("||", "or", func() (calicoNode, bool) {
		return p.list("&&", "and", func() (calicoNode, bool) { return p.operation(depth) })
	})
}

func (p *calicoParser) list(between, operator string, part func() (calicoNode, bool)) (calicoNode, bool) {
	var parts []calicoNode
	for {
		n, ok := part()
		if !ok {
			return n, false
		}
		if parts = append(parts, n); !p.accept(between) {
			break
		}
	}
	if len(parts) == 1 {
		return parts[0], true
	}
	return calicoNode{operator: operator, parts: parts}, true
}

func (p *calicoParser) operation(depth int) (calicoNode, bool) {
	negated := false
	for p.accept("!") {
		negated = !negated
	}
	n, ok := p.positive(depth)
	if negated {
		n = p.not(n)
	}
	return n, ok
}

func (p *calicoParser) not(n calicoNode) calicoNode {
	p.query.looksAt.negative = true
	return calicoNode{operator: "not", parts: []calicoNode{n}}
}

func (p *calicoParser) positive(depth int) (calicoNode, bool) {
	switch {
	case p.accept("("):
		if depth == maxSelectorDepth {
			return calicoNode{}, false
		}
		n, ok := p.either(depth + 1)
		return n, ok && p.accept(")")
	case p.accept("has("):
		n := calicoNode{operator: "has", key: p.identifier()}
		p.query.looksAt.existence = append(p.query.looksAt.existence, n.key)
		return n, n.key != "" && p.accept(")")
	case p.accept("all("):
		return calicoNode{operator: "all"}, p.accept(")")
	case p.accept("global("):
		p.query.keys["global()"] = true
		return calicoNode{operator: "all"}, p.accept(")")
	}
	return p.comparison(p.identifier())
}

// identifier reads the name of a label.
func (p *calicoParser) identifier() string {
	p.space()
	text := p.rest()
	end := strings.IndexFunc(text, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("_./-", c)
	})
	if end < 0 {
		end = len(text)
	}
	p.at += end
	p.query.keys[text[:end]] = true
	return text[:end]
}

// comparison reads what follows the name of a label.
func (p *calicoParser) comparison(key string) (calicoNode, bool) {
	n := calicoNode{operator: "is", key: key}
	if key == "" {
		return n, false
	}
	single := func(operator string) (calicoNode, bool) {
		value, ok := p.literal(key, operator == "is")
		n.operator, n.values = operator, []string{value}
		return n, ok
	}
	switch {
	case p.accept("=="):
		return single("is")
	case p.accept("!="):
		n, ok := single("is")
		return p.not(n), ok
	case p.accept("contains"):
		return single("contains")
	case p.accept("starts"):
		if !p.accept("with") {
			return n, false
		}
		return single("starts")
	case p.accept("ends"):
		if !p.accept("with") {
			return n, false
		}
		return single("ends")
	case p.accept("not"):
		if !p.accept("in") {
			return n, false
		}
		n, ok := p.set(n)
		return p.not(n), ok
	case p.accept("in"):
		return p.set(n)
	}
	return n, false
}

// set reads values between braces.
func (p *calicoParser) set(n calicoNode) (calicoNode, bool) {
	if !p.accept("{") {
		return n, false
	}
	for !p.accept("}") {
		value, ok := p.literal(n.key, true)
		if !ok {
			return n, false
		}
		n.values = append(n.values, value)
		if p.accept(","); p.at == len(p.query.text) {
			return n, false
		}
	}
	return n, true
}

// literal reads a text in quotes. A whole one is a value of the label.
func (p *calicoParser) literal(key string, whole bool) (string, bool) {
	for _, quote := range []string{"'", `"`} {
		if p.accept(quote) {
			value, _, found := strings.Cut(p.rest(), quote)
			if !found {
				return "", false
			}
			if p.query.looksAt.parts = p.query.looksAt.parts || !whole; whole {
				p.query.looksAt.values = append(p.query.looksAt.values, labelValue{key, value})
				p.query.literals = append(p.query.literals, calicoLiteral{key, value, p.at, p.at + len(value)})
			}
			p.at += len(value) + len(quote)
			return value, true
		}
	}
	return "", false
}
