package main

import (
	_ "embed"
	"strconv"
	"strings"
)

// application has the documents of one application, in the style people write
// them. NUMBER stands for what tells it from others.
//
//go:embed application.yml
var application string

// documentsPerApplication is how many application has.
const documentsPerApplication = 4

// applications is the input: n applications, the same ones every time.
func applications(n int) []byte {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(application, "NUMBER", strconv.Itoa(i)))
	}
	return []byte(b.String())
}
