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

// hashLength is the number of hex digits of SHA-256 that a shortened name ends in.
const hashLength = 8

// WithSuffix puts suffix behind name. A result longer than limit is cut in
// front of the suffix and ends in a hash of the full name, so that two long
// names never become one.
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

// maxSuffix leaves room for a name and a hash beside it.
const maxSuffix = 32

// ParseSuffix adds a missing leading dash and checks that names stay valid.
func ParseSuffix(s string) (string, error) {
	if !strings.HasPrefix(s, "-") {
		s = "-" + s
	}
	if !suffixPattern.MatchString(s) || len(s) > maxSuffix {
		return "", fmt.Errorf("%q: a suffix has at most %d lower-case letters, digits and dashes and ends in a letter or digit", s, maxSuffix-1)
	}
	return s, nil
}

// nameLimit is the longest name that an object of a kind can have and work. The
// API server takes longer names of Deployments and StatefulSets, and then their
// controllers fail: a ReplicaSet is named after its Deployment, "-" and a hash
// of up to 10 characters, and so is the value of a StatefulSet's pod label
// controller-revision-hash (k8s.io/kubernetes, pkg/controller).
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

// RouteName is the name of a canary route. Routes are custom resources, which
// have the same limit as most objects.
func RouteName(stable, suffix string) string { return WithSuffix(stable, suffix, maxSubdomainName) }
