package migrate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/route/emissary/model"
)

// refuseAll refuses Mappings for what other objects of the set do to their requests.
func (m *migration) refuseAll(objects []map[string]any) {
	for _, o := range m.set.Objects {
		if o.Group() != "getambassador.io" || !m.concerns(o) {
			continue
		}
		id := m.set.ID(o).String()
		for _, g := range m.groups {
			for _, one := range g.members {
				switch {
				case o.Kind() == "AuthService" && !set(one.spec["bypass_auth"]) && one.role == routed:
					one.refuse(nil, "%s checks its requests, and a route would let all of them through; protect the route by a policy of the gateway's vendor, then leave the AuthService out of the input", id)
				case o.Kind() == "FilterPolicy":
					one.refuse(nil, "%s may filter its requests, and a route would let all of them through; leave it out of the input if it does not", id)
				}
			}
		}
	}
	for _, p := range model.Freezing(objects, m.options.Emissary) {
		for _, g := range m.groups {
			for _, one := range g.members {
				if p.Kind == "Mapping" && p.Name == one.name && (p.Namespace == one.namespace || p.Namespace == "") {
					one.refuse(nil, "%s", p.Text)
				}
			}
		}
	}
	m.choosePort()
}

// concerns reports whether an object is for the Emissary whose Mappings move.
func (m *migration) concerns(o *manifest.Object) bool {
	ids := manifest.Items(o.Root, "spec", "ambassador_id")
	if id := manifest.GetString(o.Root, "spec", "ambassador_id"); id != "" {
		ids = []*manifest.Node{manifest.NewString(id)}
	}
	own := cmp.Or(m.options.Emissary.AmbassadorID, "default")
	return len(ids) == 0 && own == "default" || slices.ContainsFunc(ids, func(n *manifest.Node) bool { return n.Value == own })
}

// choosePort takes the virtual hosts of the Listeners, which have to be the same for all.
func (m *migration) choosePort() {
	for i, p := range m.config.Ports {
		if i == 0 {
			m.port = p
			continue
		}
		same := slices.EqualFunc(p.VirtualHosts, m.port.VirtualHosts, func(a, b model.VirtualHost) bool {
			return a.Hostname == b.Hostname && slices.Equal(a.Routes, b.Routes)
		})
		if !same {
			for _, g := range m.groups {
				g.refuse("hostname", "Listeners %s and %s serve different Hosts, and one Gateway is asked for; migrate the Hosts of one Listener at a time", m.port.Name, p.Name)
			}
		}
	}
}

// describeOthers says of every other object of Emissary what it leaves to do.
func (m *migration) describeOthers() (out []Line) {
	for _, o := range m.set.Objects {
		if o.Group() != "getambassador.io" || o.Kind() == "Mapping" {
			continue
		}
		var what string
		switch o.Kind() {
		case "Host":
			what = "gave its hostname to routes; its certificate and the redirect of plain HTTP belong to the listeners of the Gateway"
		case "Listener":
			what = "is not translated; its port belongs to a listener of the Gateway"
		case "TLSContext":
			what = "is not translated; its certificate belongs to a listener of the Gateway"
		case "Module":
			what = "holds defaults of Mappings, which are in the routes"
			if names := loud(m.config.Module); len(names) > 0 {
				what = fmt.Sprintf("is not translated: %s; a Gateway has no such settings, its vendor may", strings.Join(names, ", "))
			}
		case "TCPMapping":
			what = "is not translated; a TLSRoute or TCPRoute does its work"
		default:
			what = "is not translated"
		}
		out = append(out, Line{o.Pos, m.set.ID(o).String() + ": " + what})
	}
	return out
}
