package harm

import (
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// electionPart is what a variable or an argument says about a leader election.
type electionPart int

const (
	notElection    electionPart = iota
	electionOn                  // turns it on, or off with the value false
	electionOff                 // turns it off, or on with the value false
	electionLock                // names the lock
	electionDetail              // another setting
)

// electionWords are the texts in the name of a setting of a leader election, each with
// the libraries that use it.
var electionWords = []string{
	"LEADER_ELECT", "LEADERELECT", // client-go, controller-runtime, fabric8
	"KUBERNETES_LEADER",        // Spring Cloud Kubernetes
	"CAMEL_CLUSTER_KUBERNETES", // Apache Camel
}

// lockWords end the names of settings that hold the name of a lock.
var lockWords = []string{"ID", "NAME", "LEASE", "CONFIGMAP", "ROLE", "KEY"}

// lockKinds are values of settings that look like the name of a lock, but hold its kind.
var lockKinds = []string{"leases", "configmaps", "endpoints", "configmapsleases", "endpointsleases"}

// election classifies the name of a variable.
func election(name string) electionPart {
	if name == "ELECTION_ID" { // ingress-nginx, which always elects a leader
		return electionLock
	}
	for _, word := range electionWords {
		before, after, found := strings.Cut(name, word)
		if !found {
			continue
		}
		for _, ending := range []string{"ION", "OR", "ED"} {
			after = strings.TrimPrefix(after, ending)
		}
		rest := strings.Split(strings.Trim(after, "_"), "_")
		last := rest[len(rest)-1]
		switch {
		case slices.Contains(strings.Split(before, "_"), "DISABLE"), slices.Contains(strings.Split(before, "_"), "NO"), last == "DISABLED", last == "DISABLE":
			return electionOff
		case last == "", last == "ENABLED", last == "ENABLE", last == "S":
			return electionOn
		case slices.Contains(lockWords, last):
			return electionLock
		}
		return electionDetail
	}
	return notElection
}

// leader warns about pods that elect a leader: by what their containers say, else by what
// their service account may write.
func (e *examination) leader(s *subject) {
	var shown []string
	var lock sign
	for _, v := range s.signs {
		if v.role != leads {
			continue
		}
		switch part := election(v.name); {
		case (part == electionOn && v.off()) || (part == electionOff && !v.off()):
			return
		case part == electionLock && !slices.Contains(lockKinds, v.value):
			lock = v
		}
		shown = add(shown, v.shown)
	}
	for _, c := range running(s.spec) { // the sidecar of kubernetes-retired/contrib
		if image := manifest.GetString(c, "image"); strings.Contains(image, "leader-elector") {
			shown = add(shown, "image leader-elector")
		}
	}
	const effect = "so the canary takes part: it may do all the work whatever its weight, or none and look healthy; check that either version may lead"
	switch l := e.leaseOf(s); {
	case s.changes(lock.label):
		e.warn(note.LeaderElection, s.Stable, "elects a leader by a lock that is named by label %s (%s), which changes on the canary, so both versions lead at the same time; name the lock by a label that stays", lock.label, lock.shown)
	case len(shown) > 0 && lock.value != "" && named(lock.value) != "":
		e.warn(note.LeaderElection, s.Stable, "elects a leader (%s, lock%s), %s", list(shown), named(lock.value), effect)
	case len(shown) > 0:
		e.warn(note.LeaderElection, s.Stable, "elects a leader (%s), %s", list(shown), effect)
	case l.role != nil:
		e.warn(note.LeaderElection, s.Stable, "probably elects a leader, as %s lets its service account write %s, %s", l.role.ID(), l.what, effect)
	}
}

// lease is a role that lets a service account write the lock of an election, and what it
// may write.
type lease struct {
	role *manifest.Object
	what string
}

// leaseOf returns the lease that the pods' service account has in the input.
func (e *examination) leaseOf(s *subject) lease {
	mounted := manifest.Get(s.spec, "automountServiceAccountToken")
	if mounted != nil && !manifest.IsTrue(mounted) {
		return lease{}
	}
	a := account{s.Namespace, manifest.GetString(s.spec, "serviceAccountName")}
	if a.name == "" {
		a.name = manifest.GetString(s.spec, "serviceAccount") // its name before Kubernetes 1.0
	}
	if a.name == "" {
		a.name = "default"
	}
	found, known := e.leases[a]
	if !known {
		found = e.findLease(a)
		e.leases[a] = found
	}
	return found
}

func (x *index) findLease(a account) lease {
	for _, id := range x.bound[a] {
		role := x.roles[id]
		if role == nil {
			continue
		}
		for _, rule := range manifest.Items(role.Root, "rules") {
			if what := lockOf(role, rule); what != "" {
				return lease{role, what}
			}
		}
	}
	return lease{}
}

// lockOf returns what a rule lets one write, if it is the lock of an election: leases, or
// objects whose names or whose role's name say that they are one. A rule for everything
// is no sign.
func lockOf(role *manifest.Object, rule *manifest.Node) string {
	if !containsAny(rule, "verbs", "create", "update", "patch", "*") {
		return ""
	}
	names := texts(rule, "resourceNames")
	if containsAny(rule, "apiGroups", "coordination.k8s.io") && containsAny(rule, "resources", "leases", "*") {
		if len(names) > 0 {
			return "Lease " + list(names)
		}
		return "leases"
	}
	if !containsAny(rule, "apiGroups", "") || !containsAny(rule, "resources", "configmaps", "endpoints") {
		return ""
	}
	for _, name := range append(names, role.Name()) {
		if saysLock(name) {
			return "the lock " + name
		}
	}
	return ""
}

// saysLock reports whether a name is that of a lock.
func saysLock(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "leader") || strings.Contains(name, "election") || strings.HasSuffix(name, "-lock")
}

func containsAny(n *manifest.Node, field string, wanted ...string) bool {
	return slices.ContainsFunc(texts(n, field), func(have string) bool { return slices.Contains(wanted, have) })
}

// addRole records a role, or the accounts that a binding gives one.
func (x *index) addRole(o *manifest.Object) {
	switch o.Kind() {
	case "Role":
		x.roles[manifest.ID{Kind: "Role", Namespace: x.set.Namespace(o), Name: o.Name()}] = o
	case "ClusterRole":
		x.roles[manifest.ID{Kind: "ClusterRole", Name: o.Name()}] = o
	case "RoleBinding", "ClusterRoleBinding":
		ref := manifest.Get(o.Root, "roleRef")
		id := manifest.ID{Kind: manifest.GetString(ref, "kind"), Name: manifest.GetString(ref, "name")}
		if id.Kind == "Role" {
			id.Namespace = x.set.Namespace(o)
		}
		for _, subject := range manifest.Items(o.Root, "subjects") {
			if manifest.GetString(subject, "kind") != "ServiceAccount" {
				continue
			}
			a := account{manifest.GetString(subject, "namespace"), manifest.GetString(subject, "name")}
			if a.namespace == "" {
				a.namespace = x.set.Namespace(o)
			}
			x.bound[a] = append(x.bound[a], id)
		}
	}
}
