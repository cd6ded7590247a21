package hub

import (
	"context"
	"errors"
	"fmt"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
)

// Listen implements runner.Inbox.
func (c *cluster) Listen(ctx context.Context, id manifest.ID, hear func(map[string]string)) {
	last := ""
	err := c.kube.Watch(ctx, kube.Ref(id), func(object map[string]any) (bool, error) {
		meta, _ := object["metadata"].(map[string]any)
		written, _ := meta["annotations"].(map[string]any)
		said := map[string]string{}
		for _, key := range []string{rollout.HoldAnnotation, rollout.ApproveAnnotation, rollout.RejectAnnotation} {
			if text, found := written[key].(string); found {
				said[key] = text
			}
		}
		if now := fmt.Sprint(said); now != last {
			last = now
			hear(said)
		}
		return false, nil
	})
	if ctx.Err() == nil {
		c.emit("what people say about the release is not heard any more: %v", err)
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
