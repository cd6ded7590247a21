package model

import "strings"

// idSet is a set of request ids: the hexadecimal digits that are possible at
// each of the last positions, one bit for each digit. nil means all ids.
type idSet []uint16

// maxIDDigits limits the positions of an idSet.
const maxIDDigits = 3

// parseIDs returns the ids that match a regular expression such as .*0$ or
// .*[0-7], and false if it has another form.
func parseIDs(pattern string) (idSet, bool) {
	rest, found := strings.CutPrefix(strings.TrimPrefix(pattern, "^"), ".*")
	if !found {
		return nil, false
	}
	rest = strings.TrimSuffix(rest, "$")
	ids := idSet{}
	for rest != "" {
		element := rest[:1]
		if element == "[" {
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return nil, false
			}
			element = rest[:end+1]
		}
		rest = rest[len(element):]
		digits, ok := parseDigits(element)
		if !ok || len(ids) == maxIDDigits {
			return nil, false
		}
		ids = append(ids, digits)
	}
	return ids, true
}

// parseDigits reads a digit, or a class of digits in brackets.
func parseDigits(element string) (digits uint16, ok bool) {
	class, bracketed := strings.CutPrefix(element, "[")
	class = strings.TrimSuffix(class, "]")
	class, negated := strings.CutPrefix(class, "^")
	if class == "" || negated && !bracketed {
		return 0, false
	}
	for class != "" {
		from := digitOf(class[0])
		to := from
		class = class[1:]
		if len(class) > 1 && class[0] == '-' {
			to, class = digitOf(class[1]), class[2:]
		}
		if from < 0 || to < from {
			return 0, false
		}
		for d := from; d <= to; d++ {
			digits |= 1 << d
		}
	}
	if negated {
		digits = ^digits
	}
	return digits, digits != 0
}

// digitOf returns the value of a hexadecimal digit as Envoy writes it, or -1.
func digitOf(c byte) int { return strings.IndexByte("0123456789abcdef", c) }

// has reports whether ids that end in the lowest digits of a number belong to
// the set.
func (s idSet) has(number int) bool {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i]&(1<<(number&15)) == 0 {
			return false
		}
		number >>= 4
	}
	return true
}
