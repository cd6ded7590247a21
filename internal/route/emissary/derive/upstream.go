package derive

import (
	"fmt"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/internal/servicename"
)

// warnAboutUpstream warns if the canary's endpoints are not found in Kubernetes, and if
// the weight parts users from the endpoints that they should stay on.
func (d *derivation) warnAboutUpstream(r derived, upstreams model.Upstreams) {
	spec := map[string]any{}
	for _, field := range []string{"resolver", "load_balancer"} {
		if v := manifest.Get(r.canary.Root, "spec", field); v != nil {
			spec[field] = manifest.Value(v)
		}
	}
	if name, kind := upstreams.Resolver(spec); !model.IsKubernetes(kind) {
		canary, _ := servicename.ParseAddress(manifest.GetString(r.canary.Root, "spec", "service"))
		if kind == "ConsulResolver" {
			d.warn(note.OtherResolver, r.owner, fmt.Sprintf("%sfinds its service by the ConsulResolver %s and not in Kubernetes, so Consul has to know %s too; if it does not, the canary's requests fail", r.subject(), name, canary.Host))
		} else {
			d.warn(note.OtherResolver, r.owner, fmt.Sprintf("%sfinds its service by the resolver %s, which is not in the input; unless that looks Services up in Kubernetes, it has to know %s too, or the canary's requests fail", r.subject(), name, canary.Host))
		}
	}
	if how, own := upstreams.Sticky(spec); how != "" && !r.tcp {
		by := "asks for sticky sessions"
		if !own {
			by = "has the sticky sessions of the Module"
		}
		d.warn(note.StickySession, r.owner, fmt.Sprintf("%s%s (%s), but users meet both versions: Emissary draws the weight anew for every request, before that; for one version per user, send a cohort of users to the canary by a header, with a Mapping of its own", r.subject(), by, how))
	}
}

// subject names the Mapping in a note about the object that it comes from; "" if that is
// the Mapping itself.
func (r derived) subject() string {
	switch {
	case r.stable == nil:
		return "the Mapping of its canary "
	case r.stable != r.owner:
		return fmt.Sprintf("its %s %s ", r.stable.Kind(), r.stable.Name())
	}
	return ""
}
