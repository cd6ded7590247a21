// Package releasefile reads release files (apiVersion canarize.dev/v1alpha1, kind
// Release). One table says what a file may hold: the parser, the JSON Schema for editors
// and the table of the docs are made of it.
package releasefile
