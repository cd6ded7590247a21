package model

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// address is a service as Emissary's URL parser understands it.
type address struct {
	scheme, host string
	port         int // 0: none
	extra        bool
}

// qualify turns the service of a Mapping into the one Emissary works with
// (normalize_service_name in irbasemapping.py): lower case, without path and
// user, and with ".NAMESPACE" behind an unqualified name. The namespace is "" when
// nothing is to be appended. A service that cannot be parsed is an error and stays
// as it is.
func qualify(service, namespace string) (string, error) {
	candidate := service
	if !hasAuthorityMark(service) {
		candidate = "//" + service
	}
	a, err := parseAddress(candidate)
	if err == nil && a.host == "" {
		err = fmt.Errorf("it has no hostname")
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

// hasAuthorityMark reports whether the text starts with [scheme:]//; "web:8080"
// must not be read as the scheme "web".
func hasAuthorityMark(text string) bool {
	if strings.HasPrefix(text, "//") {
		return true
	}
	rest := strings.TrimLeftFunc(text, isSchemeChar)
	return strings.Index(text, ":") > 0 && strings.HasPrefix(rest, "://")
}

// parseAddress reads scheme, host and port of a URL with the leniency of the
// parser Emissary uses: control characters vanish, users and paths are ignored.
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
		return fmt.Errorf("its brackets do not match")
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

// unescape resolves percent escapes; a malformed one is an error.
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
			return "", fmt.Errorf("the percent escape %q is cut off", host[i:])
		}
		n, err := strconv.ParseUint(host[i+1:i+3], 16, 8)
		if err != nil {
			return "", fmt.Errorf("%q is not a percent escape", host[i:i+3])
		}
		b.WriteByte(byte(n))
		i += 2
	}
	return strings.ToValidUTF8(b.String(), string(utf8.RuneError)), nil
}

// escape writes everything as a percent escape that may not stand in a hostname.
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

// underscored replaces everything but ASCII letters, digits and _ by _, as
// Emissary does for cluster and statistics names.
func underscored(text string) string {
	return strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (isLetter(r) || isDigit(r) || r == '_') {
			return r
		}
		return '_'
	}, text)
}
