// Package expand expands templates of Azure Pipelines as the service does before a run,
// so that tests can read and run the result. It supports what this project's templates
// need: typed parameters, template references, and the expressions each, if, eq, ne,
// replace and lower.
package expand

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// parameter is a declared parameter of a template.
type parameter struct {
	Name    string `yaml:"name"`
	Type    string `yaml:"type"`
	Default any    `yaml:"default"`
}

// Repositories maps the repositories under resources in a pipeline to local folders.
type Repositories map[string]string

// File expands a template with parameters and decodes the result.
func (r Repositories) File(file string, parameters map[string]any, into any) error {
	expanded, err := r.load(file, parameters)
	if err != nil {
		return err
	}
	text, err := yaml.Marshal(expanded)
	if err != nil {
		return err
	}
	return yaml.Unmarshal(text, into)
}

func (r Repositories) load(file string, given map[string]any) (map[string]any, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var body map[string]any
	var head struct{ Parameters []parameter }
	if err := yaml.Unmarshal(text, &body); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if list, isList := body["parameters"].([]any); isList && len(list) > 0 {
		if err := yaml.Unmarshal(text, &head); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	delete(body, "parameters")
	bound, err := bind(head.Parameters, given)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	e := expander{r, filepath.Dir(file), map[string]any{"parameters": bound}}
	expanded, err := e.mapping(body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return expanded, nil
}

// bind checks the given parameters against the declared ones, and adds defaults.
func bind(declared []parameter, given map[string]any) (map[string]any, error) {
	bound := map[string]any{}
	for _, p := range declared {
		value, found := given[p.Name]
		if !found {
			if value = p.Default; value == nil {
				return nil, fmt.Errorf("parameter %s is missing", p.Name)
			}
		}
		_, text := value.(string)
		_, list := value.([]any)
		_, truth := value.(bool)
		if fits := map[string]bool{"string": !list && !truth, "boolean": truth, "stepList": list, "object": !text}; !fits[p.Type] {
			return nil, fmt.Errorf("parameter %s: %v is not a %s", p.Name, value, p.Type)
		}
		bound[p.Name] = value
	}
	for name := range given {
		if _, known := bound[name]; !known {
			return nil, fmt.Errorf("parameter %s is not declared", name)
		}
	}
	return bound, nil
}

// expander expands the files of a folder. names holds the values of names in expressions.
type expander struct {
	repositories Repositories
	folder       string
	names        map[string]any
}

func (e expander) value(v any) (any, error) {
	switch v := v.(type) {
	case string:
		return e.text(v)
	case []any:
		return e.list(v)
	case map[string]any:
		return e.mapping(v)
	}
	return v, nil
}

func (e expander) mapping(m map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(m))
	for key, value := range m {
		name, err := e.text(key)
		if err != nil {
			return nil, err
		}
		if out[fmt.Sprint(name)], err = e.value(value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

var (
	each = regexp.MustCompile(`^\$\{\{ each (\w+) in (\S+) \}\}$`)
	when = regexp.MustCompile(`^\$\{\{ if (.+) \}\}$`)
)

// list expands the elements of a list. An element may yield several elements or none.
func (e expander) list(elements []any) ([]any, error) {
	out := []any{}
	for _, element := range elements {
		m, isMap := element.(map[string]any)
		var more any
		var err error
		switch {
		case isMap && m["template"] != nil:
			more, err = e.include(m)
		case isMap && len(m) == 1:
			more, err = e.directive(m)
		default:
			more, err = e.value(element)
		}
		if err != nil {
			return nil, err
		}
		if several, isList := more.([]any); isList {
			out = append(out, several...)
		} else {
			out = append(out, more)
		}
	}
	return out, nil
}

// directive expands an element with one key, which may be an each or an if.
func (e expander) directive(m map[string]any) (any, error) {
	for key, body := range m {
		if found := each.FindStringSubmatch(key); found != nil {
			return e.each(found[1], found[2], body)
		}
		if found := when.FindStringSubmatch(key); found != nil {
			yes, err := e.expression(found[1])
			if err != nil || yes != true {
				return []any{}, err
			}
			return e.value(body)
		}
	}
	return e.mapping(m)
}

func (e expander) each(name, list string, body any) (any, error) {
	over, err := e.expression(list)
	if err != nil {
		return nil, err
	}
	elements, isList := over.([]any)
	if !isList {
		return nil, fmt.Errorf("%s is no list", list)
	}
	all := []any{}
	for _, element := range elements {
		inner := expander{e.repositories, e.folder, maps.Clone(e.names)}
		inner.names[name] = element
		more, err := inner.value(body)
		if err != nil {
			return nil, err
		}
		several, isList := more.([]any)
		if !isList {
			return nil, fmt.Errorf("the body of each %s is no list", name)
		}
		all = append(all, several...)
	}
	return all, nil
}

// include expands the stages, jobs or steps of a referenced template.
func (e expander) include(reference map[string]any) (any, error) {
	file, isText := reference["template"].(string)
	given, _ := reference["parameters"].(map[string]any)
	if !isText {
		return nil, fmt.Errorf("a template without a name")
	}
	parameters, err := e.mapping(given)
	if err != nil {
		return nil, err
	}
	folder := e.folder
	if name, repository, elsewhere := strings.Cut(file, "@"); elsewhere {
		file, folder = name, e.repositories[repository]
	}
	body, err := e.repositories.load(filepath.Join(folder, file), parameters)
	if err != nil {
		return nil, err
	}
	keys := slices.Collect(maps.Keys(body))
	if len(keys) != 1 {
		return nil, fmt.Errorf("%s has %v: expected stages, jobs or steps", file, keys)
	}
	return body[keys[0]], nil
}

var placeholder = regexp.MustCompile(`\$\{\{ (.+?) \}\}`)

// text expands a text. The value of a lone expression keeps its type.
func (e expander) text(s string) (any, error) {
	if found := placeholder.FindString(s); found == s && s != "" {
		return e.expression(s[len("${{ ") : len(s)-len(" }}")])
	}
	var failed error
	out := placeholder.ReplaceAllStringFunc(s, func(found string) string {
		value, err := e.expression(found[len("${{ ") : len(found)-len(" }}")])
		if err != nil {
			failed = err
		}
		return fmt.Sprint(value)
	})
	return out, failed
}

var calls = regexp.MustCompile(`^(\w+)\((.*)\)$`)

// expression evaluates a name, a quoted text or a call.
func (e expander) expression(s string) (any, error) {
	if found := calls.FindStringSubmatch(s); found != nil {
		return e.call(found[1], found[2])
	}
	if text, quoted := strings.CutPrefix(s, "'"); quoted {
		return strings.TrimSuffix(text, "'"), nil
	}
	var value any = e.names
	for part := range strings.SplitSeq(strings.TrimSuffix(s, "[0]"), ".") {
		m, _ := value.(map[string]any)
		var found bool
		if value, found = m[part]; !found {
			return nil, fmt.Errorf("%s is not known", s)
		}
	}
	if list, isList := value.([]any); isList && strings.HasSuffix(s, "[0]") && len(list) > 0 {
		return list[0], nil
	}
	return value, nil
}

func (e expander) call(name, inside string) (any, error) {
	var values []any
	for _, argument := range arguments(inside) {
		v, err := e.expression(argument)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	switch {
	case name == "eq" && len(values) == 2:
		return fmt.Sprint(values[0]) == fmt.Sprint(values[1]), nil
	case name == "ne" && len(values) == 2:
		return fmt.Sprint(values[0]) != fmt.Sprint(values[1]), nil
	case name == "replace" && len(values) == 3:
		return strings.ReplaceAll(fmt.Sprint(values[0]), fmt.Sprint(values[1]), fmt.Sprint(values[2])), nil
	case name == "lower" && len(values) == 1:
		return strings.ToLower(fmt.Sprint(values[0])), nil
	}
	return nil, fmt.Errorf("%s(%s) is not known here", name, inside)
}

// arguments splits a list at commas outside parentheses.
func arguments(s string) []string {
	var all []string
	depth, begin := 0, 0
	for i, r := range s {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				all, begin = append(all, strings.TrimSpace(s[begin:i])), i+1
			}
		}
	}
	return append(all, strings.TrimSpace(s[begin:]))
}
