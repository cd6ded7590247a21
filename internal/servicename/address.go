package servicename

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Address is the service of a Mapping, [scheme://]host[:port], as it is written.
type Address struct {
	Scheme string // without "://"; "" if there is none
	Host   string
	Port   string // digits; "" if there is none
}

// ParseAddress parses the service of a Mapping. It returns an error for text whose host
// name has no first label that could be replaced, such as an IP address or a path.
func ParseAddress(text string) (Address, error) {
	fail := func(why string) (Address, error) {
		return Address{}, fmt.Errorf("service %q: %s; write [scheme://]name[.namespace][:port]", text, why)
	}
	var a Address
	rest := text
	if before, after, found := strings.Cut(text, "://"); found {
		if !isScheme(before) {
			return fail("the scheme is not valid")
		}
		a.Scheme, rest = before, after
	}
	if strings.Contains(rest, "@") { // a user may come with a password, which no message repeats
		return Address{}, errors.New("service: a user stands before its host, which Emissary ignores; write [scheme://]name[.namespace][:port]")
	}
	host, port, hasPort := strings.Cut(rest, ":")
	if hasPort {
		if err := checkPort(port); err != nil {
			return fail(err.Error())
		}
	}
	a.Host, a.Port = host, port
	if _, err := netip.ParseAddr(host); err == nil {
		return fail("it is an IP address, not the name of a Service")
	}
	// A name with a dot at its end is absolute.
	for label := range strings.SplitSeq(strings.TrimSuffix(host, "."), ".") {
		if !isName(label) {
			return fail(fmt.Sprintf("%q is not a DNS label", label))
		}
	}
	return a, nil
}

// WithService returns the address with another first label of its host name.
func (a Address) WithService(name string) Address {
	if dot := strings.IndexByte(a.Host, '.'); dot >= 0 {
		name += a.Host[dot:]
	}
	a.Host = name
	return a
}

// String returns the service as it is written.
func (a Address) String() string {
	text := a.Host
	if a.Scheme != "" {
		text = a.Scheme + "://" + text
	}
	if a.Port != "" {
		text += ":" + a.Port
	}
	return text
}

func checkPort(port string) error {
	switch {
	case port == "":
		return errors.New("the port is empty")
	case !isDigits(port):
		return fmt.Errorf("port %q is not a number", port)
	case !isPort(port):
		return fmt.Errorf("port %s is not between 0 and 65535", port)
	}
	return nil
}

func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil && isDigits(text)
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// isScheme follows the grammar of a URL scheme, RFC 3986 section 3.1.
func isScheme(text string) bool {
	if text == "" || !isLetter(text[0]) {
		return false
	}
	for i := range len(text) {
		if !isSchemeChar(text[i]) {
			return false
		}
	}
	return true
}

func isSchemeChar(c byte) bool {
	return isLetter(c) || isDigit(c) || c == '+' || c == '-' || c == '.'
}

// isName reports whether a text may be a label of a host name. It accepts what Emissary
// accepts, so length and case do not matter.
func isName(text string) bool {
	for i := range len(text) {
		if c := text[i]; !isLetter(c) && !isDigit(c) && c != '-' && c != '_' {
			return false
		}
	}
	return text != ""
}
