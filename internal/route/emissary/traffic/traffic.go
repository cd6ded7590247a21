// Package traffic compares what Emissary should do with the Mappings of a cluster with what
// its gateway pods do.
package traffic

import (
	"context"
	"fmt"
	"time"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route/emissary/live"
	"github.com/canarize/canarize/internal/route/emissary/model"
)

// Truth is what a running gateway does with the requests of a Mapping.
type Truth struct {
	Taken rollout.Taken // the share that the gateway pods give it
	Seen  *rollout.Seen // the requests that were counted; nil if they are not counted apart
}

// Report is what Emissary does with the objects of a cluster.
type Report struct {
	model.Report
	// Truths has an element for each row of each group of the report. It is nil if the
	// gateway could not be asked; Silent says why.
	Truths [][]Truth
	Silent error
	Unread string // says which kinds may not be listed, or ""
}

// countingTime is how long requests are counted.
const countingTime = 2 * time.Second

// Read computes what Emissary does with the objects of one namespace of a cluster, or
// with "" of all, and asks the gateway what it really does. A gateway that cannot be asked
// is no error. Without a version in options, the gateway's pods tell it.
func Read(ctx context.Context, cluster *kube.Cluster, namespace string, options model.Options) (Report, error) {
	var r Report
	objects, kinds, err := live.Objects(ctx, cluster, namespace)
	if err != nil {
		return r, err
	}
	if len(kinds) > 0 {
		r.Unread = live.Unread(kinds)
	}
	gateways := live.NewGateways(cluster, live.Gateway{Namespace: options.Namespace})
	defer gateways.Close()
	pods := gateways.Pods() // the observation shares it
	defer pods.Close()
	if options.Version == (model.Version{}) {
		options.Version = version(ctx, pods)
	}
	options.Running = true
	r.Report = model.Evaluate(objects, options)
	for _, p := range model.Freezing(objects, options) {
		r.Errors = append(r.Errors, fmt.Sprintf("%s %s/%s: %s", p.Kind, p.Namespace, p.Name, p.Text))
	}
	subjects := subjects(r.Report, objects)
	observed, err := gateways.Observe(ctx, subjects, countingTime)
	if err != nil {
		r.Silent = err
		return r, ctx.Err()
	}
	r.Truths = make([][]Truth, len(r.Groups))
	for i, o := range observed {
		group := subjects[i].Group
		r.Truths[group] = append(r.Truths[group], Truth(o))
	}
	return r, nil
}

// version returns the version of Emissary that pods run; of several the oldest, and zero if
// it is not known. An error is left to the observation.
func version(ctx context.Context, pods *kube.Pods) model.Version {
	running, _ := pods.Running(ctx)
	for _, v := range live.VersionsOf(running) {
		return v
	}
	return model.Version{}
}

// subjects returns the rows of a report, in their order.
func subjects(report model.Report, objects []map[string]any) []live.Subject {
	specs := map[[2]string]map[string]any{}
	for _, o := range objects {
		if id := object.ID(o); id.Kind == "Mapping" {
			specs[[2]string{id.Namespace, id.Name}] = object.Spec(o)
		}
	}
	var all []live.Subject
	for i, g := range report.Groups {
		for _, row := range g.Rows {
			route := live.RouteOf(specs[[2]string{row.Namespace, row.Name}])
			if route == nil {
				route = live.RouteOf(map[string]any{"prefix": g.Prefix})
			}
			want := live.Want{Namespace: row.Namespace, Mapping: row.Name, Cluster: row.Cluster, Share: float64(row.Share), Route: route}
			all = append(all, live.Subject{Want: want, Stats: row.Stats, Group: i})
		}
	}
	return all
}
