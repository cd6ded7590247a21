// Package servicename finds out which Services of a cluster a text names: the service of
// a Mapping, the value of a variable, or an argument. It is pure.
package servicename

import "strings"

// Name is the name of a Service as a host name: NAME, NAME.NAMESPACE, NAME.NAMESPACE.svc
// or NAME.NAMESPACE.svc.DOMAIN. It is in lower case, because the case of a host name does
// not matter.
type Name struct {
	Service   string
	Namespace string // "" if the host name leaves it out
	Domain    string // after the namespace: "", "svc", or "svc." and the domain of the cluster
}

// Parse parses a host name. Every host name of another form names a host outside the
// cluster.
func Parse(host string) (n Name, ok bool) {
	host, absolute := strings.CutSuffix(strings.ToLower(host), ".")
	labels := strings.SplitN(host, ".", 4)
	for label := range strings.SplitSeq(host, ".") {
		if !isLabel(label) {
			return Name{}, false
		}
	}
	switch {
	case len(host) > maxHost, host == "localhost": // which is the pod itself
		return Name{}, false
	case len(labels) > 2 && labels[2] != "svc":
		return Name{}, false
	case len(labels) < 4 && absolute: // nothing completes an absolute name with the domain of the cluster
		return Name{}, false
	}
	n.Service = labels[0]
	if len(labels) > 1 {
		n.Namespace = labels[1]
	}
	if len(labels) > 2 {
		n.Domain = strings.Join(labels[2:], ".")
	}
	return n, true
}

// String returns the host name.
func (n Name) String() string {
	host := n.Service
	for _, part := range []string{n.Namespace, n.Domain} {
		if part != "" {
			host += "." + part
		}
	}
	return host
}

// Limits of RFC 1035, section 2.3.4.
const (
	maxHost  = 253
	maxLabel = 63
)

// isLabel follows the grammar of a DNS label in lower case, RFC 1123 section 2.1.
func isLabel(text string) bool {
	if text == "" || len(text) > maxLabel || text[0] == '-' || text[len(text)-1] == '-' {
		return false
	}
	for i := range len(text) {
		if c := text[i]; !isDigit(c) && (c < 'a' || c > 'z') && c != '-' {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
