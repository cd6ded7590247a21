// Package dashboard shows the releases of a cluster on the live page, as their records have
// them. It writes nothing to the cluster but what people say.
package dashboard

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/canarize/canarize/internal/hub"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/page"
	"github.com/canarize/canarize/internal/redact"
	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
	"github.com/canarize/canarize/internal/survey"
)

// Options configures Start.
type Options struct {
	Hub       *hub.Hub
	Namespace string // "" means all whose records the user may read
	Name      string // shows only this release, without a list; "" shows all
	Port      int    // see page.Options
	Host      string // what serves the page, such as "canarize dashboard"
	Ends      bool   // the process ends with the release
	Canarize  string // the version of this process
	// Status returns the status of a release as the command line shows it.
	Status func(survey.Recorded) report.Status
}

// Dashboard is a page with the releases of a cluster.
type Dashboard struct {
	// URL is the address of the page.
	URL string

	options Options
	cluster *kube.Cluster
	page    *page.Server
	ctx     context.Context // ends with the dashboard
	close   func()
	asking  sync.WaitGroup // for rights
	done    chan struct{}  // closed when the releases are no longer followed
	err     error          // why, once done is closed
	list    atomic.Pointer[page.List]
	rows    map[runner.Release]listed // of the last list; only update uses it

	mu       sync.Mutex
	releases map[runner.Release]*release
	closed   bool // nobody asks for rights any more
}

// listed is a row and what it was made of.
type listed struct {
	of  edition
	row page.Row
}

// edition tells the states of a release apart.
type edition struct {
	version string
	holder  string
	alive   bool
	known   bool // who works on it
}

func editionOf(r survey.Recorded) edition {
	e := edition{version: r.Version}
	if r.Worker != nil {
		e.holder, e.alive, e.known = r.Worker.Holder, r.Worker.Alive, true
	}
	return e
}

// Start reads the releases, unless ctx ends before, and serves the page until Close is
// called. An API server that does not answer later is waited for.
func Start(ctx context.Context, o Options) (*Dashboard, error) {
	d := &Dashboard{options: o, done: make(chan struct{}), rows: map[runner.Release]listed{}, releases: map[runner.Release]*release{}}
	var begun atomic.Bool
	d.cluster = o.Hub.Cluster().Patient(begun.Load)
	var stop context.CancelFunc
	d.ctx, stop = context.WithCancel(context.WithoutCancel(ctx))
	read := make(chan struct{})
	once := sync.OnceFunc(func() { begun.Store(true); close(read) })
	go func() {
		defer close(d.done)
		d.err = d.watch(func(all []survey.Recorded, hidden int) (bool, error) {
			d.update(all, hidden)
			once()
			return false, nil
		})
	}()
	select {
	case <-read:
	case <-d.done:
		stop()
		return nil, d.err
	case <-ctx.Done():
		stop()
		<-d.done
		return nil, context.Cause(ctx)
	}
	shown := page.Options{Port: o.Port, Find: d.find, List: d.list.Load, Old: d.old}
	if o.Name != "" {
		shown.List = nil
	}
	var err error
	if d.page, err = page.Serve(context.WithoutCancel(ctx), shown); err != nil {
		stop()
		<-d.done
		return nil, err
	}
	d.URL = d.page.URL
	d.close = sync.OnceFunc(func() {
		stop()
		<-d.done
		d.page.Close()
		d.mu.Lock()
		d.closed = true
		d.mu.Unlock()
		d.asking.Wait()
	})
	return d, nil
}

// watch calls handle with the releases at once and after every change.
func (d *Dashboard) watch(handle func(all []survey.Recorded, hidden int) (bool, error)) error {
	at := d.only()
	if at == (runner.Release{}) {
		return survey.WatchAllowed(d.ctx, d.cluster, handle)
	}
	return survey.WatchReleases(d.ctx, d.cluster, at.Namespace, at.Name, func(all []survey.Recorded) (bool, error) { return handle(all, 0) })
}

// Done returns a channel that is closed when the releases are no longer followed. Err says
// why.
func (d *Dashboard) Done() <-chan struct{} { return d.done }

// Err returns why the releases are no longer followed.
func (d *Dashboard) Err() error { <-d.done; return d.err }

// Watched returns how many tabs show the page.
func (d *Dashboard) Watched() int { return d.page.Watched() }

// Close ends the page, which then shows what it showed last.
func (d *Dashboard) Close() { d.close() }

// Tell shows an event of the only release before it is stored: what the process that
// releases does and judges. What is stored comes with the record.
func (d *Dashboard) Tell(e rollout.Event) {
	if e.Judged != nil {
		d.release(d.only()).judge(*e.Judged)
	}
	if line, shown := page.LineOf(e); shown && e.Kind == rollout.EventProgress {
		d.release(d.only()).tell(line)
	}
}

func (d *Dashboard) only() runner.Release {
	return runner.Release{Namespace: d.options.Namespace, Name: d.options.Name}
}

// old implements page.Options.Old.
func (d *Dashboard) old() string {
	select {
	case <-d.done:
		if d.ctx.Err() == nil {
			return fmt.Sprintf("The cluster is no longer watched: %v. What you see is old.", redact.Error(d.err))
		}
	default:
	}
	w, waits := d.cluster.Waits()
	if !waits {
		return ""
	}
	since := now().Add(-w.For).Round(time.Second)
	return fmt.Sprintf("The API server %s has not answered since %s (%s: %v). What you see may be old.", w.Host, since.Format("15:04:05 MST"), w.Request, redact.Error(w.Reason))
}

// find implements page.Options.Find.
func (d *Dashboard) find(id string) page.Release {
	if d.options.Name != "" {
		if id != "" {
			return nil
		}
		return d.release(d.only())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.releases {
		if r.id.String() == id {
			return r
		}
	}
	return nil
}

// release returns a release, which may have no record yet.
func (d *Dashboard) release(id runner.Release) *release {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.releases[id]
	if r == nil {
		r = &release{dashboard: d, id: id}
		d.releases[id] = r
	}
	return r
}

// update shows the releases as they are now. hidden is the number of namespaces that are left
// out.
func (d *Dashboard) update(all []survey.Recorded, hidden int) {
	rows := make(map[runner.Release]listed, len(all))
	list := &page.List{Host: d.options.Host, Rows: make([]page.Row, 0, len(all))}
	for _, r := range all {
		now := d.rows[r.Release]
		if of := editionOf(r); now.of != of || now.row.ID == "" {
			now = listed{of, rowOf(r.Release, d.options.Status(r))}
			d.release(r.Release).set(r)
		}
		rows[r.Release] = now
		list.Rows = append(list.Rows, now.row)
	}
	for id := range d.rows {
		if _, there := rows[id]; !there {
			d.release(id).remove()
		}
	}
	list.Summary = summary(list.Rows)
	if hidden > 0 {
		list.Summary += fmt.Sprintf("; %d more namespaces are left out, because you may not read ConfigMaps there", hidden)
	}
	d.rows = rows
	d.list.Store(list)
}

// rowOf shows a release in the list.
func rowOf(id runner.Release, s report.Status) page.Row {
	row := page.Row{
		ID: id.String(), Name: id.String(), State: s.State(), Tone: s.Tone(), Weight: float64(s.Weight),
		Version: s.Versions(), Sentence: s.Sentence(), Rank: page.OnTheWay,
	}
	switch {
	case s.NeedsPerson():
		row.Rank = page.Needy
	case !s.Phase.Active():
		row.Rank = page.Over
	}
	if s.Error != "" {
		row.State = "unknown"
	}
	return row
}

// summary counts the releases.
func summary(rows []page.Row) string {
	if len(rows) == 0 {
		return "There are no releases."
	}
	var count [3]int
	for _, r := range rows {
		count[r.Rank]++
	}
	all, needs := fmt.Sprintf("%d releases", len(rows)), "need"
	if len(rows) == 1 {
		all = "1 release"
	}
	if count[page.Needy] == 1 {
		needs = "needs"
	}
	return fmt.Sprintf("%s: %d %s a person, %d on the way, %d over", all, count[page.Needy], needs, count[page.OnTheWay], count[page.Over])
}

// now is the clock of what is shown.
func now() time.Time { return time.Now().UTC() }
