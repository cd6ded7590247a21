package harm

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxListed is the number of things that a sentence lists, and maxKept the number that
// are collected for it.
const (
	maxListed = 6
	maxKept   = 64
)

// list joins things as a sentence does: "a", "a and b", "a, b and c".
func list(things []string) string {
	switch {
	case len(things) >= maxKept:
		things = append(things[:maxListed-1:maxListed-1], "many more")
	case len(things) > maxListed:
		things = append(things[:maxListed-1:maxListed-1], fmt.Sprintf("%d more", len(things)-maxListed+1))
	}
	last := len(things) - 1
	if last < 1 {
		return strings.Join(things, "")
	}
	return strings.Join(things[:last], ", ") + " and " + things[last]
}

// add appends a thing unless the list has it already, or has enough.
func add(things []string, thing string) []string {
	if len(things) >= maxKept || slices.Contains(things, thing) {
		return things
	}
	return append(things, thing)
}

// counted returns "one" or "many" by the number of things.
func counted(things []string, one, many string) string {
	if len(things) == 1 {
		return one
	}
	return many
}

var printable = regexp.MustCompile(`^[A-Za-z0-9][-A-Za-z0-9_./]{0,62}$`)

// named returns " VALUE" if the value looks like a plain name, else "". Values of
// variables may hold secrets, such as a URL with a password.
func named(value string) string {
	if !printable.MatchString(value) {
		return ""
	}
	return " " + value
}
