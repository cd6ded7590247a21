package canary

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// Limits of names in Kubernetes (RFC 1035 and RFC 1123, and
// k8s.io/apimachinery/pkg/util/validation).
const (
	maxLabelName     = 63  // Services, label values
	maxSubdomainName = 253 // everything else
)

// hashLength is the number of hex digits of SHA-256 at the end of a shortened
// name.
const hashLength = 8

// WithSuffix appends suffix to name. If the result is longer than limit, it
// cuts the name and ends the result with a hash of the full name, so that two
// long names never become equal.
func WithSuffix(name, suffix string, limit int) string {
	full := strings.TrimLeft(name+suffix, "-._")
	if len(full) <= limit {
		return full
	}
	sum := sha256.Sum256([]byte(full))
	hash := hex.EncodeToString(sum[:])[:hashLength]
	room := limit - len(suffix) - 1 - hashLength
	return strings.TrimRight(name[:min(room, len(name))], "-._") + suffix + "-" + hash
}

var suffixPattern = regexp.MustCompile(`^-[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// maxSuffix leaves room for a name and a hash.
const maxSuffix = 32

// ParseSuffix adds a missing leading dash and checks that the suffix keeps
// names valid.
func ParseSuffix(s string) (string, error) {
	if !strings.HasPrefix(s, "-") {
		s = "-" + s
	}
	if !suffixPattern.MatchString(s) || len(s) > maxSuffix {
		return "", fmt.Errorf("%q is not a valid suffix; use at most %d lower-case letters, digits and dashes, with a letter or digit at the end", s, maxSuffix-1)
	}
	return s, nil
}

// nameLimit returns the length of the longest working name for a kind. The API
// server accepts longer names of Deployments and StatefulSets, but then their
// controllers fail: they append "-" and a hash of up to 10 characters to the
// name, for a Deployment's ReplicaSet and for the value of a StatefulSet's pod
// label controller-revision-hash (k8s.io/kubernetes, pkg/controller).
func nameLimit(kind string) int {
	const hash = 11
	switch kind {
	case "Service":
		return maxLabelName
	case "Deployment":
		return maxSubdomainName - hash
	case "StatefulSet":
		return maxLabelName - hash
	}
	return maxSubdomainName
}

// RouteName returns the name of a canary route. Routes are custom resources and
// have the name limit of most objects.
func RouteName(stable, suffix string) string { return WithSuffix(stable, suffix, maxSubdomainName) }
