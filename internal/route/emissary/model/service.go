package model

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Service is the parsed service of a Mapping,
// [scheme://]name[.namespace[.domain]][:port]. String returns exactly the same
// bytes again.
type Service struct {
	Scheme    string // as written, without "://"; "" if there is none
	Name      string
	Namespace string // "" if the name is not qualified
	Domain    string // after the namespace, such as "svc.cluster.local"
	Port      string // digits, as written; "" if there is none
}

// ParseService parses the service of a Mapping. It returns an error for text
// that does not name a Kubernetes Service, such as an IP address, a path or an
// empty label, because the name in it cannot be replaced.
func ParseService(text string) (Service, error) {
	fail := func(why string) (Service, error) {
		return Service{}, fmt.Errorf("service %q: %s; write [scheme://]name[.namespace][:port]", text, why)
	}
	var s Service
	rest := text
	if before, after, found := strings.Cut(text, "://"); found {
		if !isScheme(before) {
			return fail("the scheme is not valid")
		}
		s.Scheme, rest = before, after
	}
	host, port, hasPort := strings.Cut(rest, ":")
	if hasPort {
		if err := checkPort(port); err != nil {
			return fail(err.Error())
		}
		s.Port = port
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return fail("it is an IP address, not the name of a Service")
	}
	labels := strings.SplitN(host, ".", 3)
	for _, label := range strings.Split(host, ".") {
		if !isLabel(label) {
			return fail(fmt.Sprintf("%q is not a DNS label", label))
		}
	}
	s.Name = labels[0]
	if len(labels) > 1 {
		s.Namespace = labels[1]
	}
	if len(labels) > 2 {
		s.Domain = labels[2]
	}
	return s, nil
}

// WithName returns the same service with another name.
func (s Service) WithName(name string) Service {
	s.Name = name
	return s
}

// String returns the service as written in a Mapping.
func (s Service) String() string {
	var b strings.Builder
	if s.Scheme != "" {
		b.WriteString(s.Scheme + "://")
	}
	b.WriteString(s.Name)
	if s.Namespace != "" {
		b.WriteString("." + s.Namespace)
	}
	if s.Domain != "" {
		b.WriteString("." + s.Domain)
	}
	if s.Port != "" {
		b.WriteString(":" + s.Port)
	}
	return b.String()
}

func checkPort(port string) error {
	if port == "" {
		return errors.New("the port is empty")
	}
	if !isDigits(port) {
		return fmt.Errorf("port %q is not a number", port)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("port %s is not between 0 and 65535", port)
	}
	return nil
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

// isLabel ignores length and case, because Emissary accepts the service as it
// is.
func isLabel(text string) bool {
	if text == "" {
		return false
	}
	return strings.IndexFunc(text, func(r rune) bool {
		return !isLetter(r) && !isDigit(r) && r != '-' && r != '_'
	}) < 0
}

func isDigits(text string) bool {
	return text != "" && strings.IndexFunc(text, func(r rune) bool { return !isDigit(r) }) < 0
}

func isLetter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }

func isDigit(r rune) bool { return '0' <= r && r <= '9' }
