package control

import (
	"context"
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/test/cluster/gateway/envoyconf"
)

// notUpdated is what Emissary logs when it takes no configuration any more (diagd.py).
const notUpdated = "no update performed (invalid envoy configuration generated), continuing with current configuration..."

// validationTries is how often a validation that takes too long is tried (diagd.py).
const validationTries = 5

// valid asks Envoy about a configuration.
func (c *Controller) valid(ctx context.Context, wanted model.Configuration) bool {
	if len(wanted.Ports) == 0 {
		// Emissary does not have it validated either (diagd.py).
		c.Log.Warn("there is no Listener that takes a Host: no port is open")
		return true
	}
	limit := envoyconf.ValidationTimeout(wanted.Module)
	if limit == 0 {
		return true
	}
	static, err := json.Marshal(envoyconf.Static(c.Site, wanted))
	if err == nil {
		path := filepath.Join(c.Site.Dir, "validate.json")
		if err = replace(path, static); err == nil {
			err = c.validate(ctx, path, limit)
		}
	}
	if err != nil && ctx.Err() == nil {
		c.Log.Error("could not validate the envoy configuration", "err", err)
		c.Log.Info(notUpdated)
	}
	return err == nil
}

// validate tries again only when Envoy has given no answer in time.
func (c *Controller) validate(ctx context.Context, path string, limit time.Duration) error {
	var err error
	for range validationTries {
		var late bool
		if late, err = c.validateOnce(ctx, path, limit); !late {
			return err
		}
		c.Log.Warn("envoy configuration validation timed out", "after", limit)
	}
	return err
}

// validateOnce reports whether the limit has passed without an answer.
func (c *Controller) validateOnce(ctx context.Context, path string, limit time.Duration) (late bool, err error) {
	try, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err = c.Faults.Validation(try); err == nil {
		err = c.Proxy.Validate(try, path)
	}
	return err != nil && try.Err() != nil && ctx.Err() == nil, err
}
