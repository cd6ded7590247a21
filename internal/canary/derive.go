package canary

import (
	"fmt"
	"slices"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// Derive makes a canary of every workload of the set that gets traffic, see choose,
// and of everything that the canary needs. On an error, which names the object and
// the line, the result is empty.
func Derive(set *manifest.Set, options Options) (Result, error) {
	x, err := newIndex(set)
	if err != nil {
		return Result{}, err
	}
	d := &derivation{
		index: x, options: options,
		images:  newImageSetter(options.Images),
		copied:  map[*manifest.Object]bool{},
		scalers: map[manifest.ID][]*manifest.Object{},
	}
	for _, o := range x.scalers {
		d.scalers[x.scaledBy(o)] = append(d.scalers[x.scaledBy(o)], o)
	}
	if err := d.choose(); err != nil {
		return Result{}, err
	}
	if err := d.checkLabels(); err != nil {
		return Result{}, err
	}
	if err := d.checkTaken(); err != nil {
		return Result{}, err
	}
	x.separate(options.Suffix, options.Labels)
	d.deriveAll()
	d.leaveImages()
	if err := d.images.unused(x.refTo); err != nil {
		return Result{}, err
	}
	if err := d.baselines(); err != nil {
		return Result{}, err
	}
	if err := d.verify(); err != nil {
		return Result{}, err
	}
	d.inInputOrder()
	d.result.Pods = d.pods()
	return d.result, nil
}

func (d *derivation) pods() []Pods {
	var all []Pods
	for _, w := range d.index.workloads {
		if !w.chosen {
			continue
		}
		p := Pods{Stable: w.object, Canary: w.derived, Namespace: w.namespace, Labels: w.labels, CanaryLabels: w.canaryLabels}
		for _, s := range w.services {
			p.Services = append(p.Services, s.object)
		}
		all = append(all, p)
	}
	return all
}

// derivation is one run of Derive.
type derivation struct {
	index   *index
	options Options
	images  imageSetter
	copied  map[*manifest.Object]bool          // ConfigMaps and Secrets that a canary reads
	scalers map[manifest.ID][]*manifest.Object // by the workload they scale
	result  Result
}

func (d *derivation) note(level note.Level, o *manifest.Object, format string, args ...any) {
	d.result.Notes = append(d.result.Notes, note.Note{Level: level, Object: o, Text: fmt.Sprintf(format, args...)})
}

func (d *derivation) warn(name note.Name, o *manifest.Object, format string, args ...any) {
	d.result.Notes = append(d.result.Notes, note.Note{Level: note.Warning, Name: name, Object: o, Text: fmt.Sprintf(format, args...)})
}

// deriveAll derives an object from every object of the input whose kind needs
// it.
func (d *derivation) deriveAll() {
	for _, w := range d.index.workloads {
		if w.chosen {
			d.workload(w)
		}
	}
	for _, s := range d.index.services {
		if s.hasCanary() {
			d.service(s)
		}
	}
	for _, o := range d.index.set.Objects {
		if d.copied[o] {
			// The next version of the canary may have other content under the same name.
			manifest.Delete(d.derive(o).Root, "immutable")
		}
	}
	for _, w := range d.index.workloads {
		if !w.chosen {
			continue
		}
		for _, o := range d.scalers[w.scalerTarget()] {
			d.scaler(o, w)
		}
	}
	for _, p := range d.index.policies {
		d.policy(p)
	}
	for _, o := range d.index.monitors {
		d.monitor(o)
	}
	d.foreign()
	d.noteRest()
}

// noteRest notes what gets no canary, and why.
func (d *derivation) noteRest() {
	for _, b := range d.index.budgets {
		for _, w := range d.index.pods.candidates(b.namespace, b.selector) {
			if w.chosen && b.selector.matches(w.labels) {
				d.note(note.Info, b.object, "not copied: a disruption budget would block the drain of a node with a one-pod canary")
				break
			}
		}
	}
}

// leaveImages warns about objects that keep an image which the user wants to replace.
func (d *derivation) leaveImages() {
	if len(d.options.Images) == 0 {
		return
	}
	leave := func(o *manifest.Object) {
		if image, wanted := d.images.leave(o, PodSpec(o)); wanted != "" {
			d.warn(note.ImageLeft, o, "keeps the image %s, because it gets no canary, although --image %s matches it; a promotion applies its manifest as it is: change the image there", image, wanted)
		}
	}
	for _, w := range d.index.workloads {
		if !w.chosen {
			leave(w.object)
		}
	}
	for _, o := range d.index.others {
		if kind := o.Kind(); kind == "CronJob" || kind == "Job" {
			leave(o)
		}
	}
}

// derive returns a cleaned and renamed copy of an object.
func (d *derivation) derive(o *manifest.Object) *manifest.Object {
	return d.finish(o, o.Clone(), o.Name())
}

// finish cleans, names and labels a copy and adds it to the result.
func (d *derivation) finish(o, c *manifest.Object, name string) *manifest.Object {
	Finish(c, WithSuffix(name, d.options.Suffix, nameLimit(o.Kind())), TrackCanary, d.options)
	d.result.Derived = append(d.result.Derived, manifest.Derived{Stable: o, Canary: c})
	return c
}

// Finish gives a copy of a stable object its name, track and labels, and
// removes what belongs only to the stable object.
func Finish(c *manifest.Object, name, track string, options Options) {
	Clean(c.Root)
	meta := c.Metadata()
	manifest.PutString(meta, "name", name)
	if options.Namespace != "" && c.Namespace() == "" {
		manifest.PutString(meta, "namespace", options.Namespace)
	}
	labels := manifest.Child(meta, "labels")
	if options.Argo {
		manifest.Delete(labels, instanceLabel)
	}
	for key, value := range sortedPairs(options.Labels) {
		manifest.PutString(labels, key, value)
	}
	manifest.PutString(labels, TrackLabel, track)
}

func (d *derivation) addLabels(labels *manifest.Node) {
	for key, value := range sortedPairs(d.options.Labels) {
		manifest.PutString(labels, key, value)
	}
	manifest.PutString(labels, TrackLabel, TrackCanary)
}

// inInputOrder sorts the derived objects by the position of their stable
// objects.
func (d *derivation) inInputOrder() {
	place := make(map[*manifest.Object]int, len(d.index.set.Objects))
	for i, o := range d.index.set.Objects {
		place[o] = i
	}
	slices.SortStableFunc(d.result.Derived, func(a, b manifest.Derived) int { return place[a.Stable] - place[b.Stable] })
}
