package survey

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
)

// Options say what is looked at.
type Options struct {
	Cluster   *kube.Cluster
	Namespace string
	Gateways  []Gateway
	Access    kube.Access     // that a release needs
	Grant     string          // the command that prints what grants it
	Release   *runner.Release // that is to begin, with its plan; nil is none
	Plan      rollout.Plan
	Force     bool // fields of other owners may be taken over
}

// Gateway says where a kind of gateway is looked at, and who examines what was seen.
type Gateway struct {
	Namespace   string // of its pods
	PodSelector string
	APIGroup    string     // of its own kinds
	Kinds       []kube.Ref // by which it decides about routes
	Examiner    doctor.Gateway
}

// Doctor looks for what would disturb a release, and for what earlier ones have left
// behind. It only reads, and has the API server check what the release would write.
func Doctor(ctx context.Context, o Options) (doctor.Report, error) {
	return newSurvey(o).examine(ctx)
}

func newSurvey(o Options) *survey {
	return &survey{kube: o.Cluster, options: o, seen: doctor.Seen{Namespace: o.Namespace, Grant: o.Grant, Now: time.Now(), Whole: true, Served: map[string][]string{}}}
}

func (s *survey) examine(ctx context.Context) (doctor.Report, error) {
	for _, step := range []func(context.Context) error{s.permissions, s.served, s.namespace, s.lists, s.routing, s.releases, s.wanted, s.named} {
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

// survey collects what a doctor looks at.
type survey struct {
	kube    *kube.Cluster
	options Options
	seen    doctor.Seen
	names   []manifest.ID // of objects to get one by one, where their kind cannot be listed
}

func (s *survey) permissions(ctx context.Context) error {
	denied, err := s.kube.Denied(ctx, s.options.Access)
	for _, d := range denied {
		s.seen.Denied = append(s.seen.Denied, doctor.Denied{Resource: d.String(), Namespace: d.Namespace, Verbs: d.Verbs})
	}
	return err
}

// served looks for the API groups of the gateways.
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

// namespace looks at the namespace itself, if that is allowed.
func (s *survey) namespace(ctx context.Context) error {
	return s.get(ctx, manifest.ID{Kind: "Namespace", Name: s.options.Namespace})
}

// get adds an object, or that it is not there, if that is allowed.
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

// listing is a kind of objects to list.
type listing struct {
	group, kind string
	selector    string
}

// listings are the kinds that are looked at in the namespace of a release. Of those
// with a selector, only what canarize has made is of interest.
var listings = []listing{
	{"apps", "Deployment", ""}, {"apps", "StatefulSet", ""}, {"apps", "DaemonSet", ""}, {"", "Pod", ""},
	{"", "ResourceQuota", ""}, {"coordination.k8s.io", "Lease", ""},
	{"", "ConfigMap", rollout.ReleaseLabel}, {"", "Secret", rollout.ReleaseLabel},
	{"autoscaling", "HorizontalPodAutoscaler", rollout.ReleaseLabel}, {"policy", "PodDisruptionBudget", rollout.ReleaseLabel},
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
			continue // all of its pods are there
		}
		if _, err := s.list(ctx, listing{"", "Pod", g.PodSelector}, g.Namespace); err != nil {
			return err
		}
	}
	return nil
}

// list adds the objects of a kind in a namespace, or with "" in all, and says whether
// that was allowed.
func (s *survey) list(ctx context.Context, l listing, namespace string) (allowed bool, err error) {
	objects, err := s.kube.List(ctx, kube.Ref{Group: l.group, Kind: l.kind, Namespace: namespace}, l.selector)
	switch {
	case kube.IsForbidden(err) && namespace == "":
		return false, nil
	case kube.IsForbidden(err):
		s.seen.Unseen = append(s.seen.Unseen, fmt.Sprintf("objects of kind %s in namespace %s, but for those named by a release: not allowed to list them", l.kind, namespace))
		return false, nil
	}
	s.seen.Objects = append(s.seen.Objects, objects...)
	s.seen.Listed = append(s.seen.Listed, manifest.ID{Group: l.group, Kind: l.kind, Namespace: namespace})
	return err == nil, err
}

// routing reads what routes requests, of all namespaces or, where that is not allowed,
// of the release's own.
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
		s.seen.Unseen = append(s.seen.Unseen, "what routes requests in other namespaces: not allowed to list it")
	}
	return nil
}

// kinds are those by which gateways decide, each once.
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

// releases reads what the cluster remembers of releases.
func (s *survey) releases(context.Context) error {
	for _, o := range s.seen.Objects {
		if o["kind"] != "ConfigMap" || !remembers(o) {
			continue
		}
		r := standingOf(o)
		remembered := doctor.Release{Name: r.Name, State: r.State, Err: r.Err}
		if record, err := kube.RecordOf(o); r.Err == nil && err == nil && len(record.Binary[rollout.PlanKey]) > 0 {
			remembered.Plan, remembered.Err = rollout.Unpack(record.Binary[rollout.PlanKey])
		}
		if r.State.Phase.Active() {
			s.names = append(s.names, r.State.Objects...)
			s.names = append(s.names, stableIDs(remembered.Plan)...)
		}
		s.seen.Releases = append(s.seen.Releases, remembered)
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
