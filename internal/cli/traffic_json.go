package cli

import (
	"slices"

	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/internal/route/emissary/traffic"
)

// trafficJSON is the JSON form of a report. The first four fields are those of
// model.Report. The others are left out if they are empty.
type trafficJSON struct {
	Groups  []groupJSON `json:"groups"`
	Dropped []string    `json:"dropped"`
	Error   bool        `json:"error"`
	Errors  []string    `json:"errors"`

	TCPGroups []tcpGroupJSON `json:"tcpGroups,omitempty"`
	Drops     []dropJSON     `json:"drops,omitempty"`
	Unread    string         `json:"unread,omitempty"`

	routesJSON
}

type groupJSON struct {
	Host     *string   `json:"host"`
	Prefix   string    `json:"prefix"`
	Routed   bool      `json:"routed"`
	Unrouted int       `json:"unrouted"`
	Shadows  []string  `json:"shadows"`
	Rows     []rowJSON `json:"rows"`
	Unserved string    `json:"unserved,omitempty"`
}

type rowJSON struct {
	model.Row
	Name    string   `json:"name,omitempty"` // of the Mapping, if Emissary has another
	Of      string   `json:"of,omitempty"`
	Real    *float64 `json:"real,omitempty"` // left out if it is the share
	Ingress string   `json:"ingress,omitempty"`
	// Taken and Seen are what a running gateway does.
	Taken *rollout.Taken `json:"taken,omitempty"`
	Seen  *seenJSON      `json:"seen,omitempty"`
}

// seenJSON counts the requests of a Mapping and of its group.
type seenJSON struct {
	Requests int64 `json:"requests"`
	Of       int64 `json:"of"`
}

type tcpGroupJSON struct {
	Address  string       `json:"address"`
	Port     string       `json:"port"`
	Host     string       `json:"host"`
	Unserved string       `json:"unserved,omitempty"`
	Rows     []tcpRowJSON `json:"rows"`
}

type tcpRowJSON struct {
	Mapping   string  `json:"mapping"`
	Namespace string  `json:"namespace"`
	Share     float64 `json:"share"`          // 0 if the group is unserved
	Name      string  `json:"name,omitempty"` // as in rowJSON
}

type dropJSON struct {
	Kind      string `json:"kind"`
	Mapping   string `json:"mapping"`
	Namespace string `json:"namespace"`
	Ingress   string `json:"ingress,omitempty"`
	Reason    string `json:"reason"`
}

func newTrafficJSON(all requests) trafficJSON {
	report := all.Report
	out := trafficJSON{
		Groups: []groupJSON{}, Dropped: append([]string{}, report.Dropped...),
		Error: report.Error, Errors: append(append([]string{}, report.Errors...), all.routes.Found...), Unread: report.Unread,
		routesJSON: newRoutesJSON(all.routes),
	}
	for i, g := range report.Groups {
		group := newGroupJSON(g)
		if report.Truths != nil {
			group.observed(report.Truths[i])
		}
		out.Groups = append(out.Groups, group)
	}
	for _, g := range report.TCPGroups {
		out.TCPGroups = append(out.TCPGroups, newTCPGroupJSON(g))
	}
	for _, kind := range dropKinds(report.Report) {
		for _, d := range kind.drops {
			out.Drops = append(out.Drops, dropJSON{kind.name, d.Mapping, d.Namespace, d.Ingress, d.Reason})
		}
	}
	return out
}

func newGroupJSON(g model.Group) groupJSON {
	out := groupJSON{Prefix: g.Prefix, Routed: g.Routed, Unrouted: g.Unrouted, Shadows: append([]string{}, g.Shadows...), Rows: []rowJSON{}}
	if g.Host != "" {
		out.Host = &g.Host
	}
	for i, row := range g.Rows {
		r := rowJSON{Row: row, Name: otherThan(row.Mapping, row.Name), Ingress: row.Ingress}
		if g.Reach != nil {
			r.Of, r.Real = g.Reach.Of, &g.Reach.Real[i]
		}
		out.Rows = append(out.Rows, r)
	}
	if g.Reach != nil {
		out.Unserved = g.Reach.Unserved
	}
	return out
}

// otherThan returns a name if it is not the one that Emissary uses.
func otherThan(mapping, name string) string {
	if name == mapping {
		return ""
	}
	return name
}

// observed adds what a running gateway does.
func (g groupJSON) observed(truths []traffic.Truth) {
	for i, truth := range truths {
		g.Rows[i].Taken = &truth.Taken
		if truth.Seen != nil {
			g.Rows[i].Seen = &seenJSON{truth.Seen.Canary, truth.Seen.All}
		}
	}
}

func newTCPGroupJSON(g model.TCPGroup) tcpGroupJSON {
	out := tcpGroupJSON{Address: g.Address, Port: g.Port, Host: g.Host, Unserved: g.Unserved, Rows: []tcpRowJSON{}}
	for _, row := range g.Rows {
		if g.Unserved != "" {
			row.Share = 0
		}
		out.Rows = append(out.Rows, tcpRowJSON{row.Mapping, row.Namespace, row.Share, otherThan(row.Mapping, row.Name)})
	}
	return out
}

// kindOfDrops holds the drops of a kind, without Mappings that get requests all the same.
type kindOfDrops struct {
	name, label string // label is the second cell of a row in the table
	drops       []model.Drop
}

func dropKinds(report model.Report) []kindOfDrops {
	drops := slices.DeleteFunc(slices.Clone(report.Drops), func(d model.Drop) bool { return d.Alias })
	return []kindOfDrops{{"Mapping", "", drops}, {"TCPMapping", "tcp", report.TCPDrops}}
}
