package model

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// address is a service as Emissary's URL parser reads it.
type address struct {
	scheme, host string
	port         int // 0: none
	extra        bool
}

// qualify returns the service of a Mapping in the form that Emissary uses
// internally (normalize_service_name in irbasemapping.py): in lower case,
// without path and user, and with ".NAMESPACE" after an unqualified name. An
// empty namespace appends nothing. If the service cannot be parsed, qualify
// returns it unchanged with an error.
func qualify(service, namespace string) (string, error) {
	candidate := service
	if !hasAuthorityMark(service) {
		candidate = "//" + service
	}
	a, err := parseAddress(candidate)
	if err == nil && a.host == "" {
		err = fmt.Errorf("no hostname")
	}
	if err != nil {
		return service, err
	}
	host, err := unescape(a.host)
	if err != nil {
		return service, err
	}
	if namespace != "" && !strings.ContainsAny(host, ".:") && host != "localhost" {
		host += "." + namespace
	}
	out := escape(host)
	if strings.Contains(out, ":") {
		out = "[" + out + "]"
	}
	if a.scheme != "" {
		out = a.scheme + "://" + out
	}
	if a.port != 0 {
		out += ":" + strconv.Itoa(a.port)
	}
	return out, nil
}

// hasAuthorityMark reports whether the text starts with [scheme:]//. It
// prevents "web:8080" from being read as the scheme "web".
func hasAuthorityMark(text string) bool {
	if strings.HasPrefix(text, "//") {
		return true
	}
	rest := strings.TrimLeftFunc(text, isSchemeChar)
	return strings.Index(text, ":") > 0 && strings.HasPrefix(rest, "://")
}

// parseAddress parses the scheme, host and port of a URL as leniently as
// Emissary's parser: it drops control characters and ignores users and paths.
func parseAddress(url string) (address, error) {
	var a address
	url = strings.TrimLeftFunc(url, func(r rune) bool { return r <= ' ' })
	if strings.ContainsAny(url, "\t\r\n") {
		url = strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(url)
	}
	if i := strings.Index(url, ":"); i > 0 && isScheme(url[:i]) {
		a.scheme, url = strings.ToLower(url[:i]), url[i+1:]
	}
	if !strings.HasPrefix(url, "//") {
		return a, nil
	}
	url = url[2:]
	netloc := url
	if end := strings.IndexAny(url, "/?#"); end >= 0 {
		netloc = url[:end]
		a.extra = strings.Trim(url[end:], "?#") != ""
	}
	if err := checkBrackets(netloc); err != nil {
		return a, err
	}
	if at := strings.LastIndex(netloc, "@"); at >= 0 {
		netloc = netloc[at+1:]
	}
	host, port, _ := strings.Cut(netloc, ":")
	if _, inside, bracketed := strings.Cut(netloc, "["); bracketed {
		var after string
		host, after, _ = strings.Cut(inside, "]")
		_, port, _ = strings.Cut(after, ":")
	}
	name, zone, hasZone := strings.Cut(host, "%")
	a.host = strings.ToLower(name)
	if hasZone {
		a.host += "%" + zone
	}
	if port == "" {
		return a, nil
	}
	n, err := strconv.Atoi(port)
	switch {
	case !isDigits(port):
		return a, fmt.Errorf("port %q is not a number", port)
	case err != nil || n > 65535:
		return a, fmt.Errorf("port %s is not between 0 and 65535", port)
	}
	a.port = n
	return a, nil
}

func checkBrackets(netloc string) error {
	_, inside, opened := strings.Cut(netloc, "[")
	if opened != strings.Contains(netloc, "]") {
		return fmt.Errorf("the brackets do not match")
	}
	if !opened {
		return nil
	}
	inside, _, _ = strings.Cut(inside, "]")
	if ip, err := netip.ParseAddr(inside); err != nil || !ip.Is6() {
		return fmt.Errorf("%q in brackets is not an IPv6 address", inside)
	}
	return nil
}

// unescape resolves percent escapes. It returns an error for a malformed one.
func unescape(host string) (string, error) {
	if !strings.Contains(host, "%") {
		return host, nil
	}
	var b strings.Builder
	for i := 0; i < len(host); i++ {
		if host[i] != '%' {
			b.WriteByte(host[i])
			continue
		}
		if i+3 > len(host) {
			return "", fmt.Errorf("the percent escape %q is incomplete", host[i:])
		}
		n, err := strconv.ParseUint(host[i+1:i+3], 16, 8)
		if err != nil {
			return "", fmt.Errorf("%q is not a valid percent escape", host[i:i+3])
		}
		b.WriteByte(byte(n))
		i += 2
	}
	return strings.ToValidUTF8(b.String(), string(utf8.RuneError)), nil
}

// escape percent-encodes every character that a hostname cannot contain.
func escape(host string) string {
	var b strings.Builder
	for i := 0; i < len(host); i++ {
		c := host[i]
		if isLetter(rune(c)) || isDigit(rune(c)) || strings.IndexByte("_.-~!$&'()*+,;=:[]<>\"", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// underscored replaces everything except ASCII letters, digits and _ by _, as
// Emissary does for cluster and statistics names.
func underscored(text string) string {
	return strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (isLetter(r) || isDigit(r) || r == '_') {
			return r
		}
		return '_'
	}, text)
}

// isScheme follows the grammar of a URL scheme, RFC 3986 section 3.1.
func isScheme(text string) bool {
	if text == "" || !isLetter(rune(text[0])) {
		return false
	}
	return strings.IndexFunc(text, func(r rune) bool { return !isSchemeChar(r) }) < 0
}

func isSchemeChar(r rune) bool {
	return isLetter(r) || isDigit(r) || r == '+' || r == '-' || r == '.'
}

func isDigits(text string) bool {
	return text != "" && strings.IndexFunc(text, func(r rune) bool { return !isDigit(r) }) < 0
}

func isLetter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }

func isDigit(r rune) bool { return '0' <= r && r <= '9' }
