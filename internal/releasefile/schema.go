package releasefile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// schema holds the parts of JSON Schema that canarize uses. It is draft 7, which editors
// support.
type schema struct {
	Dialect     string     `json:"$schema,omitempty"`
	Title       string     `json:"title,omitempty"`
	Description string     `json:"description,omitempty"`
	Type        types      `json:"type,omitempty"`
	Enum        []string   `json:"enum,omitempty"`
	Const       any        `json:"const,omitempty"`
	Pattern     string     `json:"pattern,omitempty"`
	MinLength   int        `json:"minLength,omitempty"`
	Minimum     *int64     `json:"minimum,omitempty"`
	Maximum     *int64     `json:"maximum,omitempty"`
	Required    []string   `json:"required,omitempty"`
	OneOf       []schema   `json:"oneOf,omitempty"`
	AnyOf       []schema   `json:"anyOf,omitempty"`
	Properties  properties `json:"properties,omitempty"`
	Others      any        `json:"additionalProperties,omitempty"` // false, or a schema
	Items       *schema    `json:"items,omitempty"`
	Default     any        `json:"default,omitempty"`
}

// types lists the types of a value: one is written as a string, several as a list.
type types []string

// MarshalJSON implements json.Marshaler.
func (t types) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

// properties are the fields of an object, in the order of their definition.
type properties []property

type property struct {
	name string
	schema
}

// MarshalJSON implements json.Marshaler.
func (p properties) MarshalJSON() ([]byte, error) {
	var text bytes.Buffer
	text.WriteByte('{')
	for i, f := range p {
		if i > 0 {
			text.WriteByte(',')
		}
		name, err := json.Marshal(f.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(f.schema)
		if err != nil {
			return nil, err
		}
		text.Write(append(append(name, ':'), value...))
	}
	text.WriteByte('}')
	return text.Bytes(), nil
}

// JSONSchema returns the JSON Schema of release files. Like Parse, it refuses unknown
// names and values of a wrong type. It describes every field with its default. Rules
// about several fields, such as growing weights, are left to Parse.
func JSONSchema() ([]byte, error) {
	r := Default()
	s := r.form().schema
	s.Dialect, s.Title = "http://json-schema.org/draft-07/schema#", "Release file of canarize"
	s.Description = "What is released, and how: see docs/release-file.md."
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(s)
	return []byte(text.String()), err
}

// Field is a field of a release file.
type Field struct {
	Path    string // such as spec.gates[].name; * is any name
	Default string // as written in a file; "" if there is none
	Meaning string
}

// Fields returns all fields of a release file except objects, in the order of the format.
func Fields() []Field {
	r := Default()
	return r.form().schema.fields("", nil)
}

// fields appends the fields below a path.
func (s schema) fields(path string, all []Field) []Field {
	for _, p := range s.Properties {
		all = p.at(strings.TrimPrefix(path+"."+p.name, "."), all)
	}
	return all
}

// at appends a field and the fields below it.
func (s schema) at(path string, all []Field) []Field {
	below, known := s.Others.(schema)
	switch {
	case known:
		all = append(all, Field{Path: path + ".*", Meaning: s.Description})
		return below.fields(path+".*", all)
	case s.Items != nil:
		all = append(all, Field{Path: path + "[]", Meaning: s.Description})
		return s.Items.fields(path+"[]", all)
	case s.Properties != nil:
		return s.fields(path, all)
	}
	f := Field{Path: path, Meaning: s.Description}
	if len(s.Enum) > 1 {
		f.Meaning += " One of: " + strings.Join(s.Enum, ", ") + "."
	}
	if s.Default != nil {
		f.Default = fmt.Sprint(s.Default)
	}
	return append(all, f)
}

// notZero returns a default value, or nil for the zero value.
func notZero[T comparable](v T) any {
	if v == *new(T) {
		return nil
	}
	return v
}

// Written formats a duration as a person would: 10m instead of 10m0s.
func Written(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
