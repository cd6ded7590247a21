package hub

import (
	"context"
	"testing"
	"time"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/metric"
)

// silent is a metric source with a fixed outcome.
type silent struct{ out metric.Outcome }

func (s *silent) Read(context.Context, time.Time, metric.Weight) metric.Outcome { return s.out }

// TestRestartsOfNobody checks that restarts never make an observation out of a gap, and that a
// plan without pods adds none that could be judged.
func TestRestartsOfNobody(t *testing.T) {
	source := &silent{metric.Outcome{Ready: true}}
	r := &restarts{Counter: source}
	defer r.Close()
	if out := r.Read(t.Context(), time.Time{}, metric.Weight{}); out.Observation.Restarts != nil {
		t.Errorf("a gap has %+v", out.Observation.Restarts)
	}
	source.out.Observation.Metrics = map[string]analysis.Pair{"errors": {}}
	r.Read(t.Context(), time.Time{}, metric.Weight{})
	out := r.Read(t.Context(), time.Time{}, metric.Weight{})
	if have := out.Observation.Restarts; have == nil || *have != (analysis.Restarts{}) {
		t.Errorf("without pods: %+v", have)
	}
}
