package survey

import (
	"context"
	"fmt"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
)

// PreviewOptions configures a preview.
type PreviewOptions struct {
	Options  // with a release
	Analysis analysis.Config
	Gates    []rollout.Gate
	// LeftAlone lists what of the manifests gets no canary.
	LeftAlone []report.LeftAlone
	// PerSecond is the rate of requests to both versions; 0 means unknown. StableErrors
	// is the percentage of bad requests.
	PerSecond, StableErrors float64
}

// Preview returns what a release would do. It writes nothing.
func Preview(ctx context.Context, o PreviewOptions) (report.Preview, error) {
	s := newSurvey(o.Options)
	examined, err := s.examine(ctx)
	if err != nil {
		return report.Preview{}, err
	}
	p := report.Preview{
		Namespace: o.Release.Namespace, Release: o.Release.Name, Images: []report.ImageChange{},
		Warnings: append([]rollout.Warning{}, o.Plan.Warnings...), LeftAlone: append([]report.LeftAlone{}, o.LeftAlone...),
		Course: courseOf(o.Analysis, o.Gates), Findings: examined.Findings, Unseen: examined.Unseen,
	}
	stable, err := s.changes(ctx, promotable(o.Plan))
	if err != nil {
		return p, err
	}
	canary, err := s.changes(ctx, o.Plan.Canary)
	if err != nil {
		return p, err
	}
	if p.Stable, err = objectChanges(stable, true); err != nil {
		return p, err
	}
	if p.Canary, err = objectChanges(canary, false); err != nil {
		return p, err
	}
	p.Equal = true // with a kind that is not served it is not: a promotion would fail
	for _, c := range p.Stable {
		p.Equal = p.Equal && c.Result == string(kube.Unchanged)
	}
	p.Images = imageChanges(o.Plan, stable)
	if o.PerSecond > 0 {
		p.Foreseen = foreseen(o)
	}
	return p, nil
}

// changes returns what applying objects would change. If the API server refuses an
// object, changes compares it here; the doctor reports the refusal.
func (s *survey) changes(ctx context.Context, objects []map[string]any) ([]kube.Change, error) {
	var all []kube.Change
	for _, o := range objects {
		change, err := s.change(ctx, o)
		if err != nil {
			return nil, err
		}
		all = append(all, change)
	}
	return all, nil
}

func (s *survey) change(ctx context.Context, o map[string]any) (kube.Change, error) {
	if served, err := s.kube.Serves(ctx, o); err != nil || !served {
		return kube.Change{Ref: kube.RefOf(o), Result: report.NotServed}, err
	}
	changes, err := s.kube.Apply(ctx, []map[string]any{o}, kube.Write{DryRun: kube.DryRunServer, Force: true})
	if kube.IsForbidden(err) || kube.IsRefused(err) || kube.IsNotFound(err) {
		changes, err = s.kube.Apply(ctx, []map[string]any{o}, kube.Write{DryRun: kube.DryRunClient})
	}
	if err != nil {
		return kube.Change{}, err
	}
	return changes[0], nil
}

func objectChanges(changes []kube.Change, diffs bool) ([]report.ObjectChange, error) {
	all := []report.ObjectChange{}
	for _, c := range changes {
		shown := report.ObjectChange{Object: c.Ref.String(), Result: string(c.Result)}
		if diffs && (c.Result == kube.Created || c.Result == kube.Configured) {
			text, err := kube.Diff([]kube.Change{c})
			if err != nil {
				return nil, err
			}
			shown.Diff = string(text)
		}
		all = append(all, shown)
	}
	return all, nil
}

// imageChanges compares the images of the stable workloads with those of the new
// version.
func imageChanges(plan rollout.Plan, stable []kube.Change) []report.ImageChange {
	now := map[[2]string]string{}
	for _, c := range stable {
		for _, i := range rollout.ImagesOf(manifest.ID(c.Ref), c.Before) {
			now[[2]string{i.Workload.String(), i.Container}] = i.Image
		}
	}
	all := []report.ImageChange{}
	for _, i := range plan.Images() {
		all = append(all, report.ImageChange{
			Workload: i.Workload.String(), Container: i.Container,
			Before: now[[2]string{i.Workload.String(), i.Container}], After: i.Image,
		})
	}
	return all
}

func courseOf(c analysis.Config, gates []rollout.Gate) report.Course {
	course := report.Course{
		Steps: []float64{}, Most: c.Ramp.Max, Gates: []string{},
		Warmup: c.Warmup, Bake: c.Bake, Deadline: c.Deadline, Interval: c.Interval, Alpha: c.Alpha, Beta: c.Beta,
	}
	for _, step := range c.Ramp.Steps {
		course.Steps = append(course.Steps, step.Weight)
		course.Most = step.Weight
	}
	for _, g := range gates {
		course.Gates = append(course.Gates, fmt.Sprintf("%s before %s", g.Name, g.Before()))
	}
	return course
}

// foreseen returns what the judge is expected to do, by the metric errors.
func foreseen(o PreviewOptions) *report.Foreseen {
	f := report.Foreseen{RequestsPerSecond: o.PerSecond, StableErrors: o.StableErrors}
	expected := func(e analysis.Expected) report.Expected {
		return report.Expected{Errors: 100 * e.Bad, Requests: e.Requests, Seconds: e.Seconds}
	}
	for _, w := range o.Analysis.Foresee("errors", o.PerSecond, o.StableErrors/100) {
		weight := report.ForeseenWeight{Weight: w.Weight, Requests: w.Requests, Promotion: expected(w.Promotion)}
		for _, a := range w.Alarms {
			weight.Rejects = append(weight.Rejects, expected(a))
		}
		f.Weights = append(f.Weights, weight)
	}
	return &f
}
