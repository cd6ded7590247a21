package releasefile

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// form describes a value of the release file: how it is read, and its JSON Schema for
// editors. The value that a variable has when its form is built becomes the default in
// the schema.
type form struct {
	read   func(value) error
	schema schema
}

// field is a field of an object: its name, its form and its meaning.
type field struct {
	name string
	form
	meaning string
}

// object describes a mapping with these fields, each at most once, and no others.
func object(fields ...field) form {
	names := make([]string, len(fields))
	described := make(properties, len(fields))
	for i, f := range fields {
		names[i] = f.name
		described[i] = property{f.name, f.schema}
		described[i].Description = f.meaning
	}
	read := func(v value) error {
		return entries(v, func(name string, child value) error {
			i := slices.Index(names, name)
			if i < 0 {
				return lineError{child.node.Line, fmt.Errorf("%s is not known; %s may have %s", child.path, v.name(), strings.Join(names, ", "))}
			}
			return fields[i].read(child)
		})
	}
	return form{read, schema{Type: types{"object", "null"}, Properties: described, Others: false}}
}

// requiring makes some fields of an object mandatory. why is the error if one is missing.
func (f form) requiring(why string, names ...string) form {
	read := f.read
	f.read = func(v value) error {
		for _, name := range names {
			if !v.has(name) {
				return v.errorf("%s", why)
			}
		}
		return read(v)
	}
	f.schema.Type, f.schema.Required = types{"object"}, names
	return f
}

// exactlyOne requires exactly one of some fields.
func (f form) exactlyOne(names ...string) form {
	read := f.read
	f.read = func(v value) error {
		n := 0
		for _, name := range names {
			if v.has(name) {
				n++
			}
		}
		if err := read(v); err != nil || n == 1 {
			return err
		}
		return v.errorf("expected one of %s", strings.Join(names, ", "))
	}
	f.schema.Type = types{"object"}
	for _, name := range names {
		f.schema.OneOf = append(f.schema.OneOf, schema{Required: []string{name}})
	}
	return f
}

// check adds a check that runs after the value was read.
func (f form) check(validate func(value) error) form {
	read := f.read
	f.read = func(v value) error {
		if err := read(v); err != nil {
			return err
		}
		return validate(v)
	}
	return f
}

// listOf describes a list. Each item starts as first.
func listOf[T any](to *[]T, first T, of func(*T) form) form {
	read := func(v value) error {
		n := v.resolved()
		if n.Kind != yaml.SequenceNode {
			return v.errorf("expected a list")
		}
		*to = nil
		for i, node := range n.Content {
			item := first
			if err := of(&item).read(value{node, fmt.Sprintf("%s[%d]", v.path, i)}); err != nil {
				return err
			}
			*to = append(*to, item)
		}
		return nil
	}
	return form{read, schema{Type: types{"array"}, Items: new(of(&first).schema)}}
}

// mapOf describes a mapping of any names to values. Each value starts as first.
func mapOf[T any](to *map[string]T, first T, of func(*T) form) form {
	read := func(v value) error {
		*to = map[string]T{}
		return entries(v, func(name string, child value) error {
			item := first
			err := of(&item).read(child)
			(*to)[name] = item
			return err
		})
	}
	return form{read, schema{Type: types{"object", "null"}, Others: of(&first).schema}}
}

// anything accepts every value and ignores it.
func anything() form { return form{read: func(value) error { return nil }} }

// text describes a string that is not empty.
func text[T ~string](to *T) form {
	read := func(v value) error {
		n := v.resolved()
		if n.Kind != yaml.ScalarNode || n.Value == "" || n.Tag != "!!str" {
			return v.errorf("expected a string")
		}
		*to = T(n.Value)
		return nil
	}
	return form{read, schema{Type: types{"string"}, MinLength: 1, Default: notZero(*to)}}
}

// matching describes a string that matches an expression. what describes the expression
// in words.
func matching(to *string, expression *regexp.Regexp, what string) form {
	f := text(to).check(func(v value) error {
		if !expression.MatchString(*to) {
			return v.errorf("%q: expected %s", *to, what)
		}
		return nil
	})
	f.schema.MinLength, f.schema.Pattern = 0, expression.String()
	return f
}

// oneOf describes one of the known names.
func oneOf[T ~string](to *T, known ...T) form {
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = string(k)
	}
	read := func(v value) error {
		n := v.resolved()
		if n.Kind == yaml.ScalarNode && slices.Contains(names, n.Value) {
			*to = T(n.Value)
			return nil
		}
		return v.errorf("%q is not known; it may be %s", n.Value, strings.Join(names, " or "))
	}
	return form{read, schema{Enum: names, Default: notZero(string(*to))}}
}

func number(to *float64) form {
	read := func(v value) error {
		var f float64
		if n := v.resolved(); n.Kind != yaml.ScalarNode || n.Tag != "!!int" && n.Tag != "!!float" || n.Decode(&f) != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return v.errorf("expected a number, without a unit")
		}
		*to = f
		return nil
	}
	return form{read, schema{Type: types{"number"}, Default: notZero(*to)}}
}

// integer describes an integer within a range.
func integer[T ~int | ~int64](to *T, least, most T) form {
	read := func(v value) error {
		var i int64
		if n := v.resolved(); n.Kind != yaml.ScalarNode || n.Tag != "!!int" || n.Decode(&i) != nil {
			return v.errorf("expected a whole number")
		}
		if i < int64(least) || i > int64(most) {
			return v.errorf("%d is out of range, expected %d to %d", i, least, most)
		}
		*to = T(i)
		return nil
	}
	return form{read, schema{Type: types{"integer"}, Minimum: new(int64(least)), Maximum: new(int64(most)), Default: notZero(*to)}}
}

func boolean(to *bool) form {
	read := func(v value) error {
		var b bool
		if n := v.resolved(); n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || n.Decode(&b) != nil {
			return v.errorf("expected true or false")
		}
		*to = b
		return nil
	}
	return form{read, schema{Type: types{"boolean"}, Default: *to}}
}

// durationPattern matches a duration.
var durationPattern = regexp.MustCompile(`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`)

// duration describes a duration such as 90s, 10m or 1h30m.
func duration(to *time.Duration) form {
	read := func(v value) error {
		n := v.resolved()
		d, err := time.ParseDuration(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil || !durationPattern.MatchString(n.Value) {
			return v.errorf("expected a duration with its unit, such as 90s, 10m or 1h30m")
		}
		*to = d
		return nil
	}
	s := schema{Type: types{"string"}, Pattern: durationPattern.String()}
	if *to > 0 {
		s.Default = Written(*to)
	}
	return form{read, s}
}

// seconds describes a duration that is stored as seconds.
func seconds(to *float64) form {
	d := time.Duration(*to * float64(time.Second))
	return duration(&d).check(func(value) error {
		*to = d.Seconds()
		return nil
	})
}
