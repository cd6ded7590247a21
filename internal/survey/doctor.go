package survey

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/runner"
)

// Options configures what is examined.
type Options struct {
	Cluster   *kube.Cluster
	Namespace string
	Gateways  []Gateway
	Access    kube.Access     // needed by a release
	Grant     string          // the command that prints the missing permissions
	Release   *runner.Release // the planned release; nil if there is none
	Plan      rollout.Plan
	Accept    []note.Name // the warnings that the user knows about
	Force     bool        // taking over fields of other owners is allowed
}

// Gateway describes where a kind of gateway is examined, and by whom.
type Gateway struct {
	Namespace   string // of its pods
	PodSelector string
	APIGroup    string     // of its own kinds
	Kinds       []kube.Ref // with its routing configuration
	// Optional lists kinds of the routing configuration that need not be readable. Unread
	// returns a sentence about those that may not be listed.
	Optional []kube.Ref
	Unread   func(kinds []string) string
	Examiner doctor.Gateway
	Asker    route.Asker // nil if the running gateway is not asked
}

// Doctor looks for what would disturb a release, and for leftovers of earlier ones. It
// only reads, and lets the API server check what the release would write.
func Doctor(ctx context.Context, o Options) (doctor.Report, error) {
	return newSurvey(o).examine(ctx)
}

func newSurvey(o Options) *survey {
	return &survey{kube: o.Cluster, options: o, seen: doctor.Seen{Namespace: o.Namespace, Grant: o.Grant, Now: time.Now(), Whole: true, Served: map[string][]string{}}}
}

func (s *survey) examine(ctx context.Context) (doctor.Report, error) {
	for _, step := range []func(context.Context) error{s.permissions, s.served, s.namespace, s.lists, s.beside, s.routing, s.releases, s.wanted, s.named, s.gateways} {
		if err := step(ctx); err != nil {
			return doctor.Report{}, err
		}
	}
	var gateways []doctor.Gateway
	for _, g := range s.options.Gateways {
		gateways = append(gateways, g.Examiner)
	}
	return doctor.Examine(s.seen, gateways...), nil
}

// survey collects the objects that a doctor examines.
type survey struct {
	kube    *kube.Cluster
	options Options
	seen    doctor.Seen
	names   []manifest.ID // objects to get one by one, because their kind cannot be listed
}

func (s *survey) permissions(ctx context.Context) error {
	denied, err := s.kube.Denied(ctx, s.options.Access)
	for _, d := range denied {
		s.seen.Denied = append(s.seen.Denied, doctor.Denied{Resource: d.String(), Namespace: d.Namespace, Verbs: d.Verbs})
	}
	return err
}

// served reads the served versions of the gateways' API groups.
func (s *survey) served(ctx context.Context) error {
	for _, g := range s.options.Gateways {
		versions, err := s.kube.Versions(ctx, g.APIGroup)
		if err != nil {
			return err
		}
		s.seen.Served[g.APIGroup] = versions
	}
	return nil
}

// namespace reads the namespace itself, if that is allowed.
func (s *survey) namespace(ctx context.Context) error {
	return s.get(ctx, manifest.ID{Kind: "Namespace", Name: s.options.Namespace})
}

// get adds an object, or records its absence, if reading it is allowed.
func (s *survey) get(ctx context.Context, id manifest.ID) error {
	o, err := s.kube.Get(ctx, kube.Ref(id))
	switch {
	case kube.IsForbidden(err):
		return nil
	case err != nil:
		return err
	case o == nil:
		s.seen.Absent = append(s.seen.Absent, id)
	default:
		s.seen.Objects = append(s.seen.Objects, o)
	}
	return nil
}

// listing selects the objects of a kind.
type listing struct {
	group, kind string
	selector    string
}

// listings are the kinds that are listed in the namespace of a release. With a
// selector, only the objects that canarize created matter.
var listings = []listing{
	{"apps", "Deployment", ""}, {"apps", "StatefulSet", ""}, {"apps", "DaemonSet", ""}, {"", "Pod", ""},
	{"", "ResourceQuota", ""}, {"coordination.k8s.io", "Lease", ""},
	{"", "ConfigMap", rollout.ReleaseLabel}, {"", "Secret", rollout.ReleaseLabel},
	{"autoscaling", "HorizontalPodAutoscaler", ""}, {"policy", "PodDisruptionBudget", rollout.ReleaseLabel},
	{"networking.k8s.io", "NetworkPolicy", rollout.ReleaseLabel},
	{"monitoring.coreos.com", "ServiceMonitor", rollout.ReleaseLabel}, {"monitoring.coreos.com", "PodMonitor", rollout.ReleaseLabel},
}

func (s *survey) lists(ctx context.Context) error {
	for _, l := range listings {
		if _, err := s.list(ctx, l, s.options.Namespace); err != nil {
			return err
		}
	}
	for _, g := range s.options.Gateways {
		if g.Namespace == s.options.Namespace {
			continue // all its pods are listed already
		}
		if _, err := s.list(ctx, listing{"", "Pod", g.PodSelector}, g.Namespace); err != nil {
			return err
		}
	}
	return nil
}

// list adds the objects of a kind in a namespace, "" meaning all, and reports whether
// that was allowed.
func (s *survey) list(ctx context.Context, l listing, namespace string) (allowed bool, err error) {
	objects, err := s.kube.List(ctx, kube.Ref{Group: l.group, Kind: l.kind, Namespace: namespace}, l.selector)
	switch {
	case kube.IsForbidden(err) && namespace == "":
		return false, nil
	case kube.IsForbidden(err):
		s.seen.Unseen = append(s.seen.Unseen, fmt.Sprintf("objects of kind %s in namespace %s, except those that a release names: not allowed to list them", l.kind, namespace))
		return false, nil
	}
	s.seen.Objects = append(s.seen.Objects, objects...)
	s.seen.Listed = append(s.seen.Listed, manifest.ID{Group: l.group, Kind: l.kind, Namespace: namespace})
	return err == nil, err
}

// routing reads the routing configuration of all namespaces, or of the release's own if
// more is not allowed.
func (s *survey) routing(ctx context.Context) error {
	for _, kind := range s.kinds() {
		l := listing{kind.Group, kind.Kind, ""}
		everywhere, err := s.list(ctx, l, "")
		if err != nil {
			return err
		}
		if everywhere {
			continue
		}
		s.seen.Whole = false
		if _, err := s.list(ctx, l, s.options.Namespace); err != nil {
			return err
		}
	}
	if !s.seen.Whole {
		s.seen.Unseen = append(s.seen.Unseen, "routes in other namespaces: not allowed to list them")
	}
	return s.optional(ctx)
}

// optional reads the optional kinds of the routing configuration, of all namespaces or of
// the release's own.
func (s *survey) optional(ctx context.Context) error {
	for _, g := range s.options.Gateways {
		var rest []kube.Ref // may not be listed in all namespaces
		for _, kind := range g.Optional {
			everywhere, err := s.list(ctx, listing{kind.Group, kind.Kind, ""}, "")
			if err != nil {
				return err
			}
			if !everywhere {
				rest = append(rest, kind)
			}
		}
		l, err := s.kube.ListAllowed(ctx, rest, s.options.Namespace)
		if err != nil {
			return err
		}
		s.seen.Objects = append(s.seen.Objects, l.Objects...)
		if len(l.Forbidden) > 0 {
			s.seen.Unseen = append(s.seen.Unseen, g.Unread(l.Forbidden))
		}
	}
	return nil
}

// kinds returns the kinds of the gateways' routing configuration, each once.
func (s *survey) kinds() []kube.Ref {
	var all []kube.Ref
	for _, g := range s.options.Gateways {
		for _, kind := range g.Kinds {
			if !slices.Contains(all, kind) {
				all = append(all, kind)
			}
		}
	}
	return all
}

// releases reads the records of releases.
func (s *survey) releases(context.Context) error {
	for _, o := range s.seen.Objects {
		if o["kind"] != "ConfigMap" || !isRecord(o) {
			continue
		}
		r := recordedOf(o)
		recorded := doctor.Recorded{Name: r.Name, State: r.State, Err: r.Err}
		if record, err := kube.RecordOf(o); r.Err == nil && err == nil && len(record.Binary[rollout.PlanKey]) > 0 {
			recorded.Plan, recorded.Err = rollout.Unpack(record.Binary[rollout.PlanKey])
		}
		if r.State.Phase.Active() {
			s.names = append(s.names, r.State.Objects...)
			s.names = append(s.names, stableIDs(recorded.Plan)...)
		}
		s.seen.Releases = append(s.seen.Releases, recorded)
	}
	return nil
}

func stableIDs(plan rollout.Plan) []manifest.ID {
	var ids []manifest.ID
	for _, o := range plan.Stable {
		ids = append(ids, object.ID(o))
	}
	return ids
}
