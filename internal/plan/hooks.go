package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/hook"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// withoutHooks returns the objects of an application, and its hooks. A claim stays among the
// objects although it is a hook: the pods mount it, and its access mode matters.
func withoutHooks(input *manifest.Set) (*manifest.Set, []hook.Hook) {
	return input.Without(func(o *manifest.Object) bool {
		_, is := hook.Of(o)
		return is && o.Kind() != "PersistentVolumeClaim"
	}), hook.In(input)
}

// checkHooks returns an error if only hooks have what the user wants to release: the only
// workload, one that is to be included, or the only container that an image of the command
// line replaces.
func checkHooks(application *manifest.Set, hooks []hook.Hook, options canary.Options) error {
	if len(hooks) == 0 {
		return nil
	}
	for _, ref := range options.Include {
		named := func(o *manifest.Object) bool { return strings.EqualFold(o.Kind(), ref.Kind) && o.Name() == ref.Name }
		at := slices.IndexFunc(hooks, func(h hook.Hook) bool { return named(h.Object) })
		if at >= 0 && !slices.ContainsFunc(application.Objects, named) {
			return hooks[at].Object.Errorf(nil, "--include %s/%s: it is %s, which canarize does not apply; remove the annotation to release it", ref.Kind, ref.Name, hooks[at])
		}
	}
	if h := onlyWorkload(application, hooks); h != nil {
		return h.Object.Errorf(nil, "no canary possible: it is %s, which canarize does not apply, and the input has no other Deployment; pass the application's own manifests too, or remove the annotation", h)
	}
	for _, i := range options.Images {
		if slices.ContainsFunc(application.Objects, func(o *manifest.Object) bool { return i.MatchesPod(canary.PodSpec(o)) }) {
			continue
		}
		for _, h := range hooks {
			if i.MatchesPod(canary.PodSpec(h.Object)) {
				return h.Object.Errorf(nil, "--image %s: only this object has such a container, and it is %s, which canarize does not apply; pass the image to canarize generate --hooks instead", i.Flag(), h)
			}
		}
	}
	return nil
}

// onlyWorkload returns a hook that is a workload if the application has none.
func onlyWorkload(application *manifest.Set, hooks []hook.Hook) *hook.Hook {
	isWorkload := func(o *manifest.Object) bool {
		return slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet"}, o.Kind()) && o.Group() == "apps"
	}
	if slices.ContainsFunc(application.Objects, isWorkload) {
		return nil
	}
	if at := slices.IndexFunc(hooks, func(h hook.Hook) bool { return isWorkload(h.Object) }); at >= 0 {
		return &hooks[at]
	}
	return nil
}

// checkHookSelectors returns an error if a Service that is a hook would select the canary's
// pods. It may exist in the cluster, although canarize does not apply it.
func checkHookSelectors(set *manifest.Set, hooks []hook.Hook, pods canary.Result) error {
	for _, h := range hooks {
		selector := manifest.StringMap(h.Object.Root, "spec", "selector")
		if h.Object.Kind() != "Service" || h.Object.Group() != "" || len(selector) == 0 {
			continue
		}
		for _, p := range pods.Pods {
			if p.Namespace == set.Namespace(h.Object) && includes(p.CanaryLabels, selector) {
				return h.Object.Errorf(manifest.Get(h.Object.Root, "spec", "selector"), "its selector would also select the canary pods of %s, and as %s it may exist in the cluster; give it its own selector label, or leave it out if it does not exist", p.Stable.ID(), h)
			}
		}
	}
	return nil
}

func includes(labels, selector map[string]string) bool {
	for key, value := range selector {
		if have, found := labels[key]; !found || have != value {
			return false
		}
	}
	return true
}

// noteHooks returns a note for every hook. It is a warning if a workload with a canary reads
// a ConfigMap or Secret that an upgrade creates anew: then both versions read the same.
func noteHooks(set *manifest.Set, hooks []hook.Hook, pods canary.Result) []note.Note {
	if len(hooks) == 0 {
		return nil
	}
	readers := map[manifest.ID]*manifest.Object{}
	for _, p := range slices.Backward(pods.Pods) { // the first reader is named
		canary.Configs(canary.PodSpec(p.Stable), func(kind, name string) {
			readers[manifest.ID{Kind: kind, Namespace: p.Namespace, Name: name}] = p.Stable
		})
	}
	var notes []note.Note
	for _, h := range hooks {
		n := note.Note{Level: note.Info, Object: h.Object, Text: h.Note()}
		if reader := readers[set.ID(h.Object)]; reader != nil && len(h.AtUpgrade()) > 0 {
			n.Level, n.Name = note.Warning, note.GeneratedConfig
			n.Text = fmt.Sprintf("is %s, so it is not applied, and %s reads it: both versions read the one in the cluster, and running the hook changes it for stable too; remove the annotation to give the canary a copy of its own", h, reader.ID())
		}
		notes = append(notes, n)
	}
	return notes
}

// HookOptions says which hooks are wanted.
type HookOptions struct {
	Phase hook.Phase
	// Step is the number of a step, from 1, and Steps the number of steps that the phase
	// has to have. Step 0 is all hooks, if they are one step.
	Step, Steps int
	Images      []canary.Image // each replaces a container of the input
	Namespace   string         // of hooks that name none; "" leaves them as they are
}

// Hooks returns the hooks of a phase, in the order in which Helm or Argo CD creates them.
// These tools wait for each Job and Pod before they create the next object. Whoever applies
// objects by other means does not wait, so more than one step is an error, unless the step
// is named.
func Hooks(set *manifest.Set, options HookOptions) ([]*manifest.Object, error) {
	for _, i := range options.Images {
		if !slices.ContainsFunc(set.Objects, func(o *manifest.Object) bool { return i.MatchesPod(canary.PodSpec(o)) }) {
			return nil, fmt.Errorf("--image %s: no container of the input matches it", i.Flag())
		}
	}
	steps := hook.Steps(hook.In(set), options.Phase)
	switch {
	case options.Step > 0 && options.Steps != len(steps):
		return nil, fmt.Errorf("the number of steps of the %s hooks is %d, not %d: %s; run all of them, one after the other", options.Phase.Name, len(steps), options.Steps, describe(steps))
	case options.Step > 0:
		steps = steps[options.Step-1 : options.Step]
	case len(steps) > 1:
		return nil, fmt.Errorf("the %s hooks have %d steps, and each has to end before the next begins: %s; run them one after the other, with --hooks %s:1/%d and so on",
			options.Phase.Name, len(steps), describe(steps), options.Phase.Name, len(steps))
	}
	var objects []*manifest.Object
	for _, step := range steps {
		for _, h := range step {
			o := h.Object.Clone()
			canary.SetImages(canary.PodSpec(o), options.Images)
			if options.Namespace != "" && o.Namespace() == "" {
				manifest.PutString(o.Metadata(), "namespace", options.Namespace)
			}
			objects = append(objects, o)
		}
	}
	return objects, nil
}

// describe lists the objects of steps.
func describe(steps [][]hook.Hook) string {
	if len(steps) == 0 {
		return "there are none"
	}
	var all []string
	for i, step := range steps {
		var names []string
		for _, h := range step {
			names = append(names, h.Object.ID().String())
		}
		all = append(all, fmt.Sprintf("%d is %s", i+1, strings.Join(names, ", ")))
	}
	return strings.Join(all, "; ")
}
