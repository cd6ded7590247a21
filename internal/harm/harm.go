// Package harm examines what a second copy of an application does beside the first:
// what both would share, and what only one of them can have. It is pure, and it changes
// nothing: every finding is a note, in one file for each kind of harm.
package harm

import (
	"fmt"
	"strconv"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// Examine returns warnings about the canary of a set of objects. Its work grows with the
// size of the set, not with its square.
func Examine(set *manifest.Set, derived canary.Result) []note.Note {
	e := newExamination(set, derived)
	for _, s := range e.subjects {
		e.claims(s)
		e.recreate(s)
		e.leader(s)
		e.work(s)
		e.hostPorts(s)
		e.config(s)
		e.identity(s)
		e.telemetry(s)
		e.paused(s)
	}
	for _, d := range derived.Derived {
		e.metrics(d)
	}
	for _, s := range derived.Services {
		e.sessions(s.Stable)
		e.serviceIdentity(s)
	}
	for _, o := range e.scalers {
		e.otherScaler(o)
	}
	for _, o := range e.jobs {
		e.job(o)
	}
	return e.notes
}

// subject is a workload that gets a canary.
type subject struct {
	canary.Pods
	template    *manifest.Node    // of the stable pods
	spec        *manifest.Node    // of the template
	annotations map[string]string // of the template
	signs       []sign            // what the containers' variables and arguments say
	scalers     []*manifest.Object
}

func (s *subject) String() string { return s.Stable.ID().String() }

func (s *subject) is(kind string) bool { return s.Stable.Kind() == kind }

// replicas returns the number of stable pods, 1 if the manifest has none.
func (s *subject) replicas() int {
	n, err := strconv.Atoi(manifest.GetString(s.Stable.Root, "spec", "replicas"))
	if err != nil {
		return 1
	}
	return n
}

// changes reports whether a pod label has another value on the canary.
func (s *subject) changes(label string) bool {
	return s.Labels[label] != s.CanaryLabels[label]
}

// target names a workload as other objects do.
type target struct{ namespace, kind, name string }

// examination is one run of Examine.
type examination struct {
	subjects []*subject
	byTarget map[target]*subject
	*index
	configs configCache
	notes   []note.Note
}

func newExamination(set *manifest.Set, derived canary.Result) *examination {
	e := &examination{index: newIndex(set), byTarget: make(map[target]*subject, len(derived.Pods)), configs: configCache{}}
	for _, p := range derived.Pods {
		template := canary.PodTemplate(p.Stable)
		s := &subject{Pods: p, template: template, spec: manifest.Get(template, "spec"), annotations: manifest.StringMap(template, "metadata", "annotations")}
		e.subjects = append(e.subjects, s)
		e.byTarget[target{p.Namespace, p.Stable.Kind(), p.Stable.Name()}] = s
	}
	for _, o := range e.scalers {
		if s := e.scaled(o); s != nil {
			s.scalers = append(s.scalers, o)
		}
	}
	for _, s := range e.subjects {
		s.signs = e.signs(s)
	}
	if len(e.jobs) > 0 {
		e.share(e.subjects)
	}
	return e
}

func (e *examination) warn(name note.Name, o *manifest.Object, format string, args ...any) {
	e.notes = append(e.notes, note.Note{Level: note.Warning, Name: name, Object: o, Text: fmt.Sprintf(format, args...)})
}

func (e *examination) inform(o *manifest.Object, format string, args ...any) {
	e.notes = append(e.notes, note.Note{Level: note.Info, Object: o, Text: fmt.Sprintf(format, args...)})
}
