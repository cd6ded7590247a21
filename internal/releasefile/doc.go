// Package releasefile reads release files (apiVersion canarize.dev/v1alpha1, kind
// Release). One table defines the fields of a file. The parser, the JSON Schema for
// editors and the table in the docs are all derived from it.
package releasefile
