package survey

import (
	"context"
	"fmt"
	"strings"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/owner"
)

// question is what is not known if some kinds may not be listed.
type question struct {
	text  string
	kinds []kube.Ref
	rules []kube.Grant
}

// questions are about what is beside the workloads of a release: who else works on them,
// and what they mount. A release does not need the answers; an examination goes on without
// them and says so.
func questions() []question {
	programs := question{text: "whether other programs release or scale the workloads"}
	for _, p := range owner.Releasing() {
		programs.add(p)
	}
	for _, p := range owner.Scaling() {
		if p.Name != "" { // Kubernetes' own autoscalers are listed for every release
			programs.add(p)
		}
	}
	return []question{programs, {
		text:  "whether a canary may mount the same volumes as stable",
		kinds: []kube.Ref{{Kind: "PersistentVolumeClaim"}},
		rules: []kube.Grant{kube.Listed("", "persistentvolumeclaims")},
	}}
}

func (q *question) add(p owner.Program) {
	q.kinds = append(q.kinds, kube.Ref{Group: p.Group, Kind: p.Kind})
	q.rules = append(q.rules, kube.Listed(p.Group, p.Resource))
}

// Grants returns the permissions in the namespace of a release that an examination uses
// and that a release does without.
func Grants() []kube.Grant {
	var all []kube.Grant
	for _, q := range questions() {
		all = append(all, q.rules...)
	}
	return all
}

// beside lists what the questions are about. A kind that is not served costs no request.
func (s *survey) beside(ctx context.Context) error {
	for _, q := range questions() {
		l, err := s.kube.ListAllowed(ctx, q.kinds, s.options.Namespace)
		if err != nil {
			return err
		}
		s.seen.Objects = append(s.seen.Objects, l.Objects...)
		for _, kind := range l.Kinds {
			s.seen.Listed = append(s.seen.Listed, manifest.ID(kind))
		}
		if len(l.Forbidden) > 0 {
			s.seen.Unseen = append(s.seen.Unseen, fmt.Sprintf("%s: not allowed to list %s in namespace %s", q.text, strings.Join(l.Forbidden, ", "), s.options.Namespace))
		}
	}
	return nil
}
