package model

import "encoding/json"

// Options says whose view of the objects is computed.
type Options struct {
	// Namespace is the namespace Emissary itself runs in. It decides which
	// services get ".NAMESPACE" appended. It is not guessed: the caller sets it.
	Namespace string
	// AmbassadorID is the id of the Emissary installation; "" means "default".
	// Objects of other ids are ignored.
	AmbassadorID string
	// Complete says that the objects are all there are, as in a cluster: what
	// Emissary does without any Host or Listener is then no longer beside the
	// point, and none is assumed.
	Complete bool
}

// Report is what Emissary does with a set of objects.
type Report struct {
	// Groups are the groups that have at least one Mapping with a share, in the
	// order in which Envoy tries their routes.
	Groups []Group `json:"groups"`
	// Dropped are the names of Mappings, in alphabetical order, that are neither
	// a row nor a shadow of any group. Why is in Drops.
	Dropped []string `json:"dropped"`
	// Error reports whether Emissary posts an error about anything in the set.
	Error bool `json:"error"`
	// Errors name an object each and say what Emissary does about it. There can
	// be texts while Error is false: some disasters happen in silence.
	Errors []string `json:"errors"`

	// Drops has one entry per name in Dropped, in the same order.
	Drops []Drop `json:"-"`
	// TCPGroups are the groups of TCPMappings.
	TCPGroups []TCPGroup `json:"-"`
}

// Drop is a Mapping that gets no requests, and the reason.
type Drop struct {
	Mapping   string // metadata.name
	Namespace string
	Reason    string // a sentence without subject: "is for another ambassador_id"
}

// Group is a set of Mappings that answer the same requests.
type Group struct {
	// Host is the hostname glob all members agree on; "" (null in JSON) when
	// they have none or match it by a regular expression.
	Host   string `json:"host"`
	Prefix string `json:"prefix"`
	// Routed reports whether a virtual host sends requests to one of the group's
	// clusters. A cluster that another, reachable group uses too counts.
	Routed bool `json:"routed"`
	// Unrouted is the percentage of the group's requests that none of its
	// Mappings takes: they fall to the next matching route or get a 404.
	Unrouted int `json:"unrouted"`
	// Shadows are the names of Mappings that get a copy of the requests.
	Shadows []string `json:"shadows"`
	// Rows are the members in the order Envoy tries them.
	Rows []Row `json:"rows"`

	// Hosts are the hostnames of the Hosts that take the group, sorted. Empty
	// means that no request reaches the group by itself, whatever Routed says.
	Hosts []string `json:"-"`
}

// Row is one Mapping of a group with its real share.
type Row struct {
	// Mapping is the name Emissary gives the Mapping: its metadata.name, or
	// NAME.NAMESPACE for the second and later Mappings of one name.
	Mapping   string `json:"mapping"`
	Namespace string `json:"namespace"`
	// Share is the real share of the group's requests, in whole percent.
	Share int `json:"share"`
	// Cluster is the name of the Envoy cluster.
	Cluster string `json:"cluster"`
	// Stats is the name under which Envoy counts the cluster; Prometheus shows
	// it as the label envoy_cluster_name.
	Stats string `json:"stats"`
}

// TCPGroup is a set of TCPMappings on one port.
type TCPGroup struct {
	Address string // "" means every address
	Port    string
	Host    string // "" means every server name
	Rows    []TCPRow
}

// TCPRow is one TCPMapping with its real share.
type TCPRow struct {
	Mapping   string
	Namespace string
	// Share is the real share of connections, in percent. Emissary hands its
	// cumulative numbers to Envoy as if they were weights, so beside a stable
	// without weight a canary of weight w gets 100·w/(w+100) percent.
	Share float64
}

// MarshalJSON writes null for an absent host and [] for absent lists.
func (g Group) MarshalJSON() ([]byte, error) {
	type plain Group
	out := struct {
		Host *string `json:"host"`
		plain
	}{plain: plain(g)}
	if g.Host != "" {
		out.Host = &g.Host
	}
	if out.Shadows == nil {
		out.Shadows = []string{}
	}
	if out.Rows == nil {
		out.Rows = []Row{}
	}
	return json.Marshal(out)
}

// MarshalJSON writes [] for absent lists.
func (r Report) MarshalJSON() ([]byte, error) {
	type plain Report
	out := plain(r)
	if out.Groups == nil {
		out.Groups = []Group{}
	}
	if out.Dropped == nil {
		out.Dropped = []string{}
	}
	if out.Errors == nil {
		out.Errors = []string{}
	}
	return json.Marshal(out)
}
