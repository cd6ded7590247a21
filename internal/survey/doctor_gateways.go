package survey

import (
	"context"
	"fmt"

	"github.com/canarize/canarize/internal/doctor"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/redact"
)

// gateways asks the running gateways. What cannot be asked is not checked, and that is
// said: the rest of the examination does not need it.
func (s *survey) gateways(ctx context.Context) error {
	for _, g := range s.options.Gateways {
		if g.Asker == nil {
			continue
		}
		s.posted(ctx, g)
		s.behind(ctx, g)
		g.Asker.Close()
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

func (s *survey) notAsked(what string, g Gateway, err error) {
	s.seen.Unseen = append(s.seen.Unseen, fmt.Sprintf("%s in namespace %s: %v", what, g.Namespace, redact.Error(err)))
}

// posted reads the errors that a gateway reports.
func (s *survey) posted(ctx context.Context, g Gateway) {
	posted, known, err := g.Asker.Posted(ctx)
	if err != nil {
		s.notAsked("the errors that the gateway reports", g, err)
	}
	s.seen.Asked = s.seen.Asked || known
	for _, p := range posted {
		s.seen.Posted = append(s.seen.Posted, doctor.Posted(p))
	}
}

// behind compares what a gateway does with what the unfinished releases ask for.
func (s *survey) behind(ctx context.Context, g Gateway) {
	byID := map[manifest.ID]map[string]any{}
	for _, o := range s.seen.Objects {
		byID[object.ID(o)] = o
	}
	get := func(id manifest.ID) map[string]any { return byID[id] }
	for i, r := range s.seen.Releases {
		if r.Err != nil || !r.State.Phase.Active() || len(r.Plan.Routes) == 0 {
			continue
		}
		behind, err := g.Asker.Behind(ctx, get, r.Plan.Routes)
		if err != nil {
			s.notAsked("what the gateway does with the requests of release "+r.Name, g, err)
		}
		s.seen.Releases[i].Behind = behind
	}
}
