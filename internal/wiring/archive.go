package wiring

import (
	"context"
	"fmt"

	"github.com/canarize/canarize/internal/hub"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/rollout"
)

// NoArchiveError reports that a metric source knows nothing of the past.
type NoArchiveError struct{ Source metric.SourceName }

func (e NoArchiveError) Error() string {
	return fmt.Sprintf("the metric source %s keeps no history", e.Source)
}

// Archive opens a metric source that stores samples, without a cluster. stable is the
// workload whose pods it looks for if the configuration has no labels. getenv reads secrets.
func Archive(ctx context.Context, config metric.Config, stable manifest.ID, getenv func(string) string) (metric.Archive, error) {
	openers := map[metric.SourceName]hub.Opener{metric.Prometheus: openPrometheus, metric.AzureMonitor: openAzureMonitor}
	open, keeps := openers[config.Source]
	if !keeps {
		return nil, NoArchiveError{config.Source}
	}
	workload := rollout.Workload{Pair: rollout.Pair{Stable: stable, Canary: stable}} // only stable's series are read
	opened, err := open(ctx, hub.Opening{Config: config, Plan: rollout.Plan{Workloads: []rollout.Workload{workload}}, Getenv: getenv})
	if err != nil {
		return nil, err
	}
	archive, keeps := opened.Source.(metric.Archive)
	if !keeps {
		return nil, NoArchiveError{config.Source}
	}
	return archive, nil
}
