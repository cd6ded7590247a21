package model

import (
	"regexp"
	"strings"
)

var hostnameForm = regexp.MustCompile(`^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

func readHostname(n node) string { return n.pattern(hostnameForm, 253, "hostname") }

// suffixOf returns what a hostname with a wildcard has to end with.
func suffixOf(hostname string) (suffix string, wildcard bool) {
	if !strings.HasPrefix(hostname, "*.") {
		return "", false
	}
	return hostname[1:], true
}

// hostFits reports whether a hostname takes a host; "" takes all. *.example.com takes
// a.example.com and a.b.example.com, and not example.com (HTTPRouteSpec).
func hostFits(hostname, host string) bool {
	if suffix, wildcard := suffixOf(hostname); wildcard {
		return strings.HasSuffix(host, suffix) && host != suffix
	}
	return hostname == "" || hostname == host
}

// intersect returns the hosts that two hostnames take both, as a hostname: the more
// specific one of them. HTTPRouteSpec has examples; the test
// HTTPRouteHostnameIntersection checks them.
func intersect(a, b string) (string, bool) {
	if hostFits(a, b) || a == b {
		return b, true
	}
	return a, hostFits(b, a)
}

// hostRank ranks a hostname: the most characters without a wildcard first, then the most
// characters (HTTPRouteSpec, GRPCRouteRule).
func hostRank(hostname string) [2]int {
	if _, wildcard := suffixOf(hostname); wildcard {
		return [2]int{0, len(hostname)}
	}
	return [2]int{len(hostname), len(hostname)}
}
