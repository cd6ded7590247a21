package survey

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/redact"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
)

// wanted lets the API server check what the release would write; it writes nothing.
func (s *survey) wanted(ctx context.Context) error {
	if s.options.Release == nil {
		return nil
	}
	plan := s.options.Plan
	wanted := &doctor.Wanted{Name: s.options.Release.Name, Plan: plan, Accept: s.options.Accept}
	for _, part := range []struct {
		objects []map[string]any
		force   bool
	}{{plan.Canary, true}, {promotable(plan), s.options.Force}} {
		for _, o := range part.objects {
			if object.ID(o).Kind == "Secret" { // an error might show its content
				continue
			}
			finding, err := s.try(ctx, o, part.force)
			if err != nil {
				return err
			}
			if finding != nil && !slices.Contains(wanted.Refused, *finding) {
				wanted.Refused = append(wanted.Refused, *finding)
			}
		}
	}
	s.names = append(s.names, plan.Objects()...)
	s.names = append(s.names, stableIDs(plan)...)
	s.seen.Wanted = wanted
	return nil
}

// promotable returns the objects that a promotion writes unchanged from the manifests.
func promotable(plan rollout.Plan) []map[string]any {
	var objects []map[string]any
	for _, o := range plan.Stable {
		objects = append(objects, runner.Unscaled(plan, o))
	}
	return objects
}

// try returns the API server's objection to an object; nil if there is none.
func (s *survey) try(ctx context.Context, o map[string]any, force bool) (*doctor.Finding, error) {
	_, err := s.kube.Apply(ctx, []map[string]any{o}, kube.Write{DryRun: kube.DryRunServer, Force: force})
	finding := &doctor.Finding{Check: "manifest", Object: object.ID(o).String()}
	var conflict *kube.ConflictError
	var invalid *kube.InvalidError
	switch {
	case err == nil || kube.IsForbidden(err) && !kube.IsRefused(err) || kube.IsTerminating(err): // other checks report these
		return nil, nil
	case errors.As(err, &conflict):
		finding.Check = "owner"
		finding.Problem = "the promotion would be refused: " + redact.Text(err.Error())
		finding.Mend = "remove the field from the manifests; or promote with --force-conflicts and change the owner's source too, because the owner would set the field back"
		switch {
		case onlyReplicas(conflict):
			finding.Mend = "remove spec.replicas from the manifests: whoever scales the workload sets it, and a promotion would undo that"
		case conflict.ByHand():
			finding.Mend = "somebody changed the field by hand: put the change into the manifests, or undo it by promoting with --force-conflicts"
		}
	case kube.IsNotFound(err):
		if served, err := s.kube.Serves(ctx, o); err != nil || served {
			return nil, err // its namespace is missing, which another check reports
		}
		finding.Problem, finding.Mend = fmt.Sprintf("the cluster does not serve %v of %v", o["kind"], o["apiVersion"]), "install its CRD, or leave the object out"
	case errors.As(err, &invalid) && invalid.Immutable:
		finding.Problem, finding.Mend = "the API server refuses the change: "+redact.Text(err.Error()), invalid.Remedy()
	case kube.IsRefused(err):
		finding.Problem, finding.Mend = "the API server refuses it: "+redact.Text(err.Error()), "correct the manifest"
	default:
		return nil, err
	}
	return finding, nil
}

// onlyReplicas reports whether a conflict is only about the number of pods.
func onlyReplicas(conflict *kube.ConflictError) bool {
	for _, fields := range conflict.Fields {
		if slices.ContainsFunc(fields, func(f string) bool { return f != ".spec.replicas" }) {
			return false
		}
	}
	return len(conflict.Fields) > 0
}

// named gets the objects that releases name and whose kind could not be listed.
func (s *survey) named(ctx context.Context) error {
	for _, id := range s.names {
		if s.seen.Knows(id) {
			continue
		}
		if err := s.get(ctx, id); err != nil {
			return err
		}
	}
	return nil
}
