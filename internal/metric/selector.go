package metric

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Matcher is a condition on a label, as in PromQL. The zero value matches every
// series.
type Matcher struct {
	Label, Op, Value string // Op is =, !=, =~ or !~

	pattern *regexp.Regexp
}

// Selector is a metric's name with conditions on its labels, such as
// requests_total{code=~"5.."}. Make one with ParseSelector.
type Selector struct {
	Name     string
	Matchers []Matcher
}

var (
	metricName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*`)
	labelName  = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*`)
)

// maxSelector limits a selector's text, which is sent with every request.
const maxSelector = 4000

// NewMatcher returns a condition, or an error if it is not valid. A regular
// expression must match the whole value.
func NewMatcher(label, op, value string) (Matcher, error) {
	m := Matcher{Label: label, Op: op, Value: value}
	if labelName.FindString(label) != label || label == "" || label == "__name__" {
		return m, fmt.Errorf("%q is not a valid label name", label)
	}
	switch op {
	case "=", "!=":
		return m, nil
	case "=~", "!~":
		pattern, err := regexp.Compile("^(?s:" + value + ")$")
		if err != nil {
			return m, fmt.Errorf("label %s: %w", label, err)
		}
		m.pattern = pattern
		return m, nil
	}
	return m, fmt.Errorf("label %s: unknown operator %q; use =, !=, =~ or !~", label, op)
}

// Equal returns the condition that a label has a value. The name of the label
// must be valid.
func Equal(label, value string) Matcher { return Matcher{Label: label, Op: "=", Value: value} }

// Matches reports whether a value fulfils the condition. A missing label has
// the value "".
func (m Matcher) Matches(value string) bool {
	switch m.Op {
	case "=":
		return value == m.Value
	case "!=":
		return value != m.Value
	case "=~":
		return m.pattern.MatchString(value)
	}
	return !m.pattern.MatchString(value)
}

func (m Matcher) String() string { return m.Label + m.Op + strconv.Quote(m.Value) }

// FormatMatchers formats conditions as PromQL does between braces.
func FormatMatchers(matchers []Matcher) string {
	parts := make([]string, len(matchers))
	for i, m := range matchers {
		parts[i] = m.String()
	}
	return strings.Join(parts, ",")
}

func (s Selector) String() string {
	if len(s.Matchers) == 0 {
		return s.Name
	}
	return s.Name + "{" + FormatMatchers(s.Matchers) + "}"
}

// With returns the selector with more conditions.
func (s Selector) With(more ...Matcher) Selector {
	return Selector{s.Name, append(s.Matchers[:len(s.Matchers):len(s.Matchers)], more...)}
}

// Matches reports whether a series fulfils all conditions.
func (s Selector) Matches(name string, labels map[string]string) bool {
	if name != s.Name {
		return false
	}
	for _, m := range s.Matchers {
		if !m.Matches(labels[m.Label]) {
			return false
		}
	}
	return true
}

// IgnoreCase returns a selector that ignores the case of values.
func (s Selector) IgnoreCase() Selector {
	all := Selector{Name: s.Name}
	for _, m := range s.Matchers {
		expression, op := m.Value, m.Op
		if op == "=" || op == "!=" {
			expression, op = regexp.QuoteMeta(m.Value), map[string]string{"=": "=~", "!=": "!~"}[op]
		}
		all.Matchers = append(all.Matchers, Matcher{m.Label, op, expression, regexp.MustCompile("^(?is:" + expression + ")$")})
	}
	return all
}

// ParseSelector parses a selector with a name.
func ParseSelector(text string) (Selector, error) {
	if len(text) > maxSelector {
		return Selector{}, fmt.Errorf("the selector is too long; it may have at most %d bytes", maxSelector)
	}
	rest := strings.TrimSpace(text)
	s := Selector{Name: metricName.FindString(rest)}
	if s.Name == "" {
		return Selector{}, fmt.Errorf("%q does not begin with a metric name", text)
	}
	rest = strings.TrimSpace(rest[len(s.Name):])
	if rest == "" {
		return s, nil
	}
	inner, closed := strings.CutSuffix(rest, "}")
	inner, opened := strings.CutPrefix(inner, "{")
	if !closed || !opened {
		return Selector{}, fmt.Errorf("%q is not a plain selector such as requests_total{code=~\"5..\"}; functions, ranges and offsets are not supported here", text)
	}
	var err error
	s.Matchers, err = ParseMatchers(inner)
	return s, err
}

// ParseMatchers parses conditions separated by commas, such as
// job="shop",pod=~"shop-.+".
func ParseMatchers(text string) ([]Matcher, error) {
	if len(text) > maxSelector {
		return nil, fmt.Errorf("the selector is too long; it may have at most %d bytes", maxSelector)
	}
	var all []Matcher
	for rest := strings.TrimSpace(text); rest != ""; {
		label := labelName.FindString(rest)
		rest = strings.TrimSpace(rest[len(label):])
		op := ""
		for _, o := range []string{"=~", "!~", "!=", "="} {
			if strings.HasPrefix(rest, o) {
				op = o
				break
			}
		}
		if label == "" || op == "" {
			return nil, fmt.Errorf("%q: expected a condition such as code=~\"5..\" at %q", text, rest)
		}
		value, after, err := unquote(strings.TrimSpace(rest[len(op):]))
		if err != nil {
			return nil, fmt.Errorf("%q: label %s: %w", text, label, err)
		}
		m, err := NewMatcher(label, op, value)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		all = append(all, m)
		rest = strings.TrimSpace(after)
		next, comma := strings.CutPrefix(rest, ",")
		if !comma && rest != "" {
			return nil, fmt.Errorf("%q: expected a comma at %q", text, rest)
		}
		rest = strings.TrimSpace(next)
	}
	return all, nil
}

var errQuotes = errors.New(`expected a value in quotes, such as "5.."`)

// unquote reads a leading text in ", ' or `, with the escapes of Go.
func unquote(text string) (value, rest string, err error) {
	if text == "" || !strings.ContainsRune("\"'`", rune(text[0])) {
		return "", "", errQuotes
	}
	quote, rest := text[0], text[1:]
	if quote == '`' {
		value, rest, closed := strings.Cut(rest, "`")
		if !closed {
			return "", "", errQuotes
		}
		return value, rest, nil
	}
	var out strings.Builder
	for rest != "" && rest[0] != quote {
		r, multibyte, tail, err := strconv.UnquoteChar(rest, quote)
		if err != nil {
			return "", "", errQuotes
		}
		if r < 0x80 || multibyte {
			out.WriteRune(r)
		} else {
			out.WriteByte(byte(r))
		}
		rest = tail
	}
	if rest == "" {
		return "", "", errQuotes
	}
	return out.String(), rest[1:], nil
}
