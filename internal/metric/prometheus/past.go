package prometheus

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/canarize/canarize/internal/metric"
)

// Past implements metric.Archive. Like Read, it asks for raw samples with a range
// selector. A query with steps would repeat a sample for up to five minutes and hide a
// counter that restarts between two steps.
func (s *Source) Past(ctx context.Context, from, to time.Time) (metric.Reading, error) {
	collected := newCollection(s.options)
	for i, q := range s.options.Queries {
		for _, selector := range selectors(q) {
			expression := fmt.Sprintf("%s[%ds]", selector.With(s.options.Labels[metric.Stable]...), int(to.Sub(from).Seconds()))
			result, err := s.ask(ctx, "query", url.Values{"query": {expression}, "time": {stamp(to)}})
			if err != nil {
				return metric.Reading{}, fmt.Errorf("prometheus %w", err)
			}
			if err := collected.add(i, metric.Stable, result); err != nil {
				return metric.Reading{}, fmt.Errorf("prometheus %s: %w", s.server.Host(), err)
			}
		}
	}
	return metric.Reading{At: to, Targets: collected.everyTarget(), Troubles: collected.check.Troubles()}, ctx.Err()
}

// everyTarget returns all targets with all their samples.
func (c *collection) everyTarget() []metric.Target {
	var all []metric.Target
	for name, t := range c.byName {
		all = append(all, t.target(name, t.times()))
	}
	slices.SortFunc(all, func(a, b metric.Target) int { return strings.Compare(a.Name, b.Name) })
	return all
}
