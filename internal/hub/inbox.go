package hub

import (
	"context"
	"errors"
	"fmt"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
)

// Listen implements runner.Inbox.
func (c *cluster) Listen(ctx context.Context, id manifest.ID, handle func(map[string]string)) {
	last := ""
	err := c.kube.Watch(ctx, kube.Ref(id), func(o map[string]any) (bool, error) {
		statements := map[string]string{}
		for _, key := range []string{rollout.HoldAnnotation, rollout.ApproveAnnotation, rollout.RejectAnnotation, rollout.ResumeAnnotation} {
			if text, found := object.Annotations(o)[key].(string); found {
				statements[key] = text
			}
		}
		if now := fmt.Sprint(statements); now != last {
			last = now
			handle(statements)
		}
		return false, nil
	})
	if ctx.Err() == nil {
		c.emit("holds and approvals are no longer watched: %v", err)
	}
}

// Annotate implements runner.Inbox.
func (c *cluster) Annotate(ctx context.Context, id manifest.ID, version string, annotations map[string]string) error {
	err := c.kube.Annotate(ctx, kube.Ref(id), annotations, version, kube.Write{DryRun: c.dryRun})
	switch {
	case kube.IsNotFound(err):
		return nil
	case errors.Is(err, kube.ErrChanged):
		return fmt.Errorf("%w: %w", runner.ErrChanged, err)
	}
	return err
}
