package dashboard

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/page"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
	"github.com/canarize/canarize/internal/survey"
)

// release shows a release as its record has it.
type release struct {
	dashboard *Dashboard
	id        runner.Release

	mu     sync.Mutex
	is     survey.Recorded
	gone   bool            // the record was deleted
	told   []page.Line     // by this process
	judged *rollout.Judged // by this process, at last, with its looks since the last stored one
	view   *view           // of is; nil if it has to be made
	rights rights
}

// set replaces what is known of the release.
func (r *release) set(is survey.Recorded) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.is, r.gone, r.view = is, false, nil
}

// remove notes that the record was deleted.
func (r *release) remove() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone, r.view = true, nil
}

// maxTold bounds the lines of this process that are kept.
const maxTold = 100

func (r *release) tell(line page.Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(slices.Clone(r.told[max(0, len(r.told)-maxTold+1):]), line)
	r.view = nil
}

// judge takes what this process has judged. The record has it later.
func (r *release) judge(j rollout.Judged) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last := r.judged; last != nil {
		j.Before = after(append(slices.Clone(last.Before), last.Look), r.is.State.Judged)
	}
	r.judged, r.view = &j, nil
}

// after returns the looks after the stored ones.
func after(looks []rollout.Look, stored *rollout.Judged) []rollout.Look {
	return slices.DeleteFunc(looks, func(l rollout.Look) bool { return stored != nil && !l.Time.After(stored.Time) })
}

// newest returns the record, with what this process has judged since it was stored.
func (r *release) newest() survey.Recorded {
	is, stored := r.is, r.is.State.Judged
	if r.judged == nil || !is.State.Phase.Active() || stored != nil && !r.judged.Time.After(stored.Time) {
		return is
	}
	j := *r.judged
	if stored != nil {
		j.Rule, j.Before = stored.Rule, append(append(slices.Clone(stored.Before), stored.Look), after(slices.Clone(j.Before), stored)...)
	}
	is.State.Judged = &j
	return is
}

// current returns what is shown now.
func (r *release) current() *view {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.view == nil {
		r.view = r.look()
	}
	return r.view
}

// look makes the view. The caller has locked r.
func (r *release) look() *view {
	d := r.dashboard
	is := r.newest()
	s := d.options.Status(is)
	if is.Version == "" {
		s = report.Status{Namespace: r.id.Namespace, Release: r.id.Name}
	}
	if r.gone {
		s.Error = "the record of the release is gone; canarize doctor finds the leftovers of the canary"
	}
	v := viewOf(s, is, r.told, d.options.Canarize)
	v.about.Host, v.about.Ends = d.options.Host, d.options.Ends
	return v
}

// About implements page.Release.
func (r *release) About() page.About {
	v := r.current()
	about := v.about
	about.Groups, about.Rights = r.deeds(v.status)
	return about
}

// Frame implements page.Release.
func (r *release) Frame() page.Frame { return r.current().frameAt(now()) }

// Past implements page.Release.
func (r *release) Past() page.Past { return r.current().past }

// Report implements page.Release.
func (r *release) Report() []byte {
	v := r.current()
	if v.status.Phase == rollout.None {
		return nil
	}
	text, err := report.HTML(v.report)
	if err != nil {
		return nil
	}
	return text
}

// rights is whether the user may say something about the release, and when that was asked.
type rights struct {
	asked   time.Time // zero before
	known   bool
	allowed bool
	err     error
	user    string // "" if the API server does not tell it
}

// rightsAge is how long rights are believed.
const rightsAge = time.Minute

// allowed returns the user's rights, as far as they are known, and asks for them in the
// background: they may change.
func (r *release) allowed(workload kube.Ref) rights {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now().Sub(r.rights.asked) > rightsAge {
		r.rights.asked = now()
		r.dashboard.inBackground(func() { r.ask(workload) })
	}
	return r.rights
}

// inBackground asks for rights, unless the dashboard is closed.
func (d *Dashboard) inBackground(ask func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		d.asking.Go(ask)
	}
}

// ask asks the API server for the user's rights: people speak through annotations of the
// canary's workload, and mark the record.
func (r *release) ask(workload kube.Ref) {
	ctx, cancel := context.WithTimeout(r.dashboard.ctx, rightsAge) // one question at a time
	defer cancel()
	cluster := r.dashboard.options.Hub.Cluster()
	allowed, err := cluster.Allows(ctx, workload, "get", "patch")
	if err == nil && allowed {
		allowed, err = cluster.Allows(ctx, kube.Ref{Kind: "ConfigMap", Namespace: r.id.Namespace}, "get", "update")
	}
	user := ""
	if err == nil {
		user, err = r.dashboard.options.Hub.User(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rights = rights{asked: now(), known: true, allowed: allowed, err: err, user: user}
}

// stamp tells releases of the same name apart.
func stamp(s rollout.State) string { return s.Started.UTC().Format(time.RFC3339Nano) }

// Do implements page.Release.
func (r *release) Do(ctx context.Context, act page.Act) error {
	user, err := r.dashboard.options.Hub.User(ctx)
	if err != nil {
		return err
	}
	_, err = r.dashboard.options.Hub.EditStatements(ctx, r.id, "", func(s rollout.State, said *rollout.Statements) error {
		if stamp(s) != act.Seen {
			return fmt.Errorf("another release of %s has begun since you looked; look at it first", r.id)
		}
		return say(said, act, user, now())
	})
	return err
}
