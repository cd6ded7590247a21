package main

import (
	_ "embed"
	"strconv"
	"strings"
)

// application holds the documents of one application, in the style people write
// them. NUMBER is a placeholder for the number of the application.
//
//go:embed application.yml
var application string

// documentsPerApplication is the number of documents in application.
const documentsPerApplication = 4

// applications returns the input: n applications, the same in every run.
func applications(n int) []byte {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(application, "NUMBER", strconv.Itoa(i)))
	}
	return []byte(b.String())
}
