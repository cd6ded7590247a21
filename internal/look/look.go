// Package look holds the style sheet that the report and the live page share: colours, type,
// tables, and bars of differences.
package look

import _ "embed"

//go:embed look.css
var css string

// CSS returns the style sheet. The report has it inside, the page loads it; both add rules for
// what only they show. Its custom properties are the only colours, for light and for dark.
func CSS() string { return css }
