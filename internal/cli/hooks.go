package cli

import (
	"context"
	"fmt"
	"regexp"
	"strconv"

	"github.com/canarize/canarize/internal/hook"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/plan"
)

// hooks returns the hooks of a phase as text. Without any it returns an empty text and says
// so on stderr: a chart may have lost its hook, and then there is nothing to run.
func (f *generateFlags) hooks(ctx context.Context, phase string, args []string, streams Streams) ([]byte, error) {
	options, err := f.hookOptions(phase)
	if err != nil {
		return nil, err
	}
	set, err := f.read(ctx, args, streams, func(text string) { fmt.Fprint(streams.Err, text) })
	if err != nil {
		return nil, err
	}
	objects, err := plan.Hooks(set, options)
	if err != nil {
		return nil, err
	}
	if len(objects) == 0 {
		fmt.Fprintln(streams.Err, "canarize: note: "+codedLine(fmt.Sprintf("the input has no %s hook", options.Phase.Name)))
	}
	text, err := manifest.Print(objects)
	return text, outside(err)
}

// hookStep matches PHASE and PHASE:STEP/STEPS.
var hookStep = regexp.MustCompile(`^([A-Za-z-]+)(?::([1-9][0-9]{0,3})/([1-9][0-9]{0,3}))?$`)

func (f *generateFlags) hookOptions(text string) (plan.HookOptions, error) {
	var o plan.HookOptions
	parts := hookStep.FindStringSubmatch(text)
	if parts == nil {
		return o, fmt.Errorf("--hooks %q: expected PHASE, such as pre-upgrade, or PHASE:STEP/STEPS, such as pre-upgrade:1/2", text)
	}
	var err error
	if o.Phase, err = hook.ParsePhase(parts[1]); err != nil {
		return o, fmt.Errorf("--hooks: %w", err)
	}
	if parts[2] != "" {
		o.Step, _ = strconv.Atoi(parts[2]) // hookStep matches only numbers
		o.Steps, _ = strconv.Atoi(parts[3])
	}
	if o.Step > o.Steps {
		return o, fmt.Errorf("--hooks %s: there is no step %d of %d", text, o.Step, o.Steps)
	}
	generate, err := f.canaryFlags.options()
	o.Images, o.Namespace = generate.Canary.Images, f.namespace
	return o, err
}
