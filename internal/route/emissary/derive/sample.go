package derive

import (
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/route/emissary/model"
)

// sample restricts the canary to the requests of a sample and adds a copy of
// the stable Mapping for the rest of the sample: alone in its group, the canary
// would get the whole sample. Derived lists the rest before the canary, and its
// name sorts after it, so that it exists both when the canary is added and when
// it is removed.
func (d *derivation) sample(r *derived) {
	pattern := model.Sample{Digits: d.request.Digits}.Pattern()
	r.rest = r.stable.Clone()
	for _, o := range []*manifest.Object{r.canary, r.rest} {
		headers := manifest.Child(manifest.Get(o.Root, "spec"), "regex_headers")
		manifest.PutString(headers, model.SampleHeader, pattern)
	}
	d.request.Finish(r.rest, d.canaryName(r.stable.Name()+"-rest"))
	d.result.Derived = append(d.result.Derived, manifest.Derived{Stable: r.owner, Canary: r.rest})
}

// checkSample returns an error if the canary cannot get a sample.
func (d *derivation) checkSample(owner, stable *manifest.Object) error {
	if d.request.Digits == 0 {
		return nil
	}
	const whole = "; use a whole percentage"
	if stable.Kind() == "TCPMapping" {
		return owner.Errorf(nil, "a TCPMapping routes connections, not requests, so there is nothing to sample%s", whole)
	}
	for _, field := range []string{"headers", "regex_headers"} {
		headers := manifest.Get(stable.Root, "spec", field)
		for i := 0; manifest.IsMap(headers) && i+1 < len(headers.Content); i += 2 {
			if key := headers.Content[i]; strings.EqualFold(key.Value, model.SampleHeader) {
				return stable.Errorf(key, "spec.%s already matches %s, which canarize uses to sample requests for a share below 1 %%%s", field, key.Value, whole)
			}
		}
	}
	for _, o := range d.request.Set.Objects {
		keep := manifest.Get(o.Root, "spec", "config", "preserve_external_request_id")
		if o.Group() == group && o.Kind() == "Module" && manifest.IsTrue(keep) {
			return o.Errorf(keep, "preserve_external_request_id lets clients choose the ids that decide a share below 1 %%%s, or remove the setting", whole)
		}
	}
	return nil
}

// checkSample checks that the canary and the rest share the sample, and that
// Envoy tries the sample right before the stable Mapping. A Mapping between
// them would lose requests to the sample.
func (v verification) checkSample(r derived, sample *model.Group, stable serviceAt) error {
	rest := rowKey(r.namespace, r.rest.Name())
	if v.after.groups[rest] != sample {
		return r.owner.Errorf(nil, "with its canary, Emissary would drop or regroup %s (%s)", r.rest.Name(), v.after.why(rest))
	}
	if v.after.groups[stable] == nil {
		return r.owner.Errorf(nil, "with its canary, Emissary would drop the stable Mapping (%s)", v.after.why(stable))
	}
	groups := v.after.report.Groups
	from := slices.IndexFunc(groups, func(g model.Group) bool { return has(g, r.key()) })
	to := slices.IndexFunc(groups, func(g model.Group) bool { return has(g, stable) })
	if to < from {
		return r.owner.Errorf(nil, "Emissary would try the stable Mapping before the sample for a share below 1 %%; use a whole percentage")
	}
	for _, g := range groups[from+1 : to] {
		if overlaps(g, *sample) && !v.isSampled(g, groups[:from]) {
			return r.owner.Errorf(nil, "%s (hostname %q, prefix %q) would lose requests to the sample for a share below 1 %%, which Emissary tries first; use a whole percentage", g.Rows[0].Member(), g.Host, g.Prefix)
		}
	}
	return v.checkShares(r, sample, rest)
}

// isSampled reports whether a group belongs to a stable Mapping that has its
// own sample among the groups in front.
func (v verification) isSampled(g model.Group, front []model.Group) bool {
	return slices.ContainsFunc(v.routes, func(r derived) bool {
		return has(g, rowKey(r.namespace, r.canary.Name())) || has(g, rowKey(r.namespace, r.stable.Name())) &&
			slices.ContainsFunc(front, func(f model.Group) bool { return has(f, r.key()) })
	})
}

func has(g model.Group, key serviceAt) bool {
	return slices.ContainsFunc(g.Rows, func(row model.Row) bool { return rowKey(row.Namespace, row.Mapping) == key })
}

// overlaps reports whether a request may match both groups.
func overlaps(a, b model.Group) bool {
	paths := strings.HasPrefix(a.Prefix, b.Prefix) || strings.HasPrefix(b.Prefix, a.Prefix)
	return paths && (a.Host == b.Host || strings.Contains(a.Host+b.Host, "*") || a.Host == "" || b.Host == "")
}
