package model

// Options identifies the Emissary installation.
type Options struct {
	// Namespace is the namespace in which Emissary itself runs. It decides
	// which services get ".NAMESPACE" appended. The caller must set it; there
	// is no default.
	Namespace string
	// AmbassadorID is the id of the Emissary installation. "" means "default".
	// Objects for other ids are ignored.
	AmbassadorID string
	// Version is the version of Emissary; zero means Newest.
	Version Version
	// Complete means that the set has all objects, as in a cluster. Then no
	// Host or Listener is assumed, and a missing one has its real effect.
	Complete bool
	// AssumeResolvers means that a resolver that is not in the set exists, and
	// finds the endpoints of Kubernetes' Services.
	AssumeResolvers bool
	// Running means that Emissary has applied a change since it started, and so
	// forgotten the Mappings that its cache confuses with others.
	Running bool
}

// Report describes what Emissary does with a set of objects.
type Report struct {
	// Groups holds the groups with at least one Mapping that has a share, in
	// the order in which Envoy tries their routes.
	Groups []Group `json:"groups"`
	// Dropped holds the sorted names of Mappings that are neither a row nor a
	// shadow of a group. Drops has the reasons.
	Dropped []string `json:"dropped"`
	// Error reports whether Emissary posts an error about anything in the set.
	Error bool `json:"error"`
	// Errors holds messages that name an object and say what Emissary does
	// about it. There can be messages while Error is false, because Emissary
	// does not report everything.
	Errors []string `json:"errors"`

	// Drops has one entry for each name in Dropped, in the same order.
	Drops []Drop `json:"-"`
	// TCPGroups holds the groups of TCPMappings, and TCPDrops the TCPMappings
	// that are in none, sorted.
	TCPGroups []TCPGroup `json:"-"`
	TCPDrops  []Drop     `json:"-"`
	// Uncounted has those of Errors that are about an Ingress whose IngressClass
	// is not in the set.
	Uncounted []string `json:"-"`
}

// Drop is a Mapping or TCPMapping that gets no requests under its name, and the reason.
type Drop struct {
	Mapping   string // metadata.name
	Namespace string
	Ingress   string // as in Row
	Reason    string // a sentence without its subject: "is for another ambassador_id"
	// Alias means that it gets requests all the same, under the name
	// MAPPING.NAMESPACE: another namespace has a Mapping with the same name.
	Alias bool
}

// Group is a set of Mappings that answer the same requests.
type Group struct {
	// Host is the hostname glob of all members. It is "" (null in JSON) if
	// they have none or match it by a regular expression.
	Host   string `json:"host"`
	Prefix string `json:"prefix"`
	// Routed reports whether a virtual host sends requests to a cluster of the
	// group. It is also true if only another group routes to the same cluster.
	Routed bool `json:"routed"`
	// Unrouted is the percentage of the group's requests that none of its
	// Mappings gets. They go to the next matching route or get a 404.
	Unrouted int `json:"unrouted"`
	// Shadows holds the names of Mappings that get a copy of the requests.
	Shadows []string `json:"shadows"`
	// Rows holds the members in the order in which Envoy tries them.
	Rows []Row `json:"rows"`

	// Hosts holds the sorted hostnames of the Hosts that match the group. If
	// it is empty, no request reaches the group, whatever Routed says.
	Hosts []string `json:"-"`
	// Reach is nil if every request with the group's match reaches it.
	Reach *Reach `json:"-"`
}

// Reach describes a group that gets a part of the requests with its match: it
// samples them by their id, or Envoy tries a group with the same match first.
// If several virtual hosts serve the group, it is about the one with the
// largest part.
type Reach struct {
	// Of is the part, such as "1/16". It is "" if the rows get different parts.
	Of string
	// Real holds, for each row, its real share of the requests, in percent.
	// Requests that differ in their id only are counted together.
	Real []float64
	// Unserved says why no request reaches the group, as a sentence without its
	// subject. It is "" if some do.
	Unserved string
	// Sampled reports whether the group matches a sample of the requests. Whole
	// is then the index of the group for the others, -1 if there is none.
	Sampled bool
	Whole   int
}

// Row is one Mapping of a group with its real share.
type Row struct {
	// Mapping is Emissary's name for the Mapping: its metadata.name, or
	// NAME.NAMESPACE for the second and later Mappings with the same name.
	Mapping   string `json:"mapping"`
	Namespace string `json:"namespace"`
	// Share is the real share of the group's requests, in whole percent.
	Share int `json:"share"`
	// Cluster is the name of the Envoy cluster.
	Cluster string `json:"cluster"`
	// Stats is the name under which Envoy counts the cluster. In Prometheus it
	// is the label envoy_cluster_name.
	Stats string `json:"stats"`
	// Ingress is the name of the Ingress that Emissary made the Mapping of, or ""
	// if there is a Mapping.
	Ingress string `json:"-"`
	// Name is the Mapping's metadata.name.
	Name string `json:"-"`
}

// Member describes the Mapping, or the Ingress that Emissary made it of.
func (r Row) Member() string { return member("Mapping", r.Namespace, r.Name, r.Ingress) }

// TCPGroup is a set of TCPMappings on one port.
type TCPGroup struct {
	Address string // "" means all addresses
	Port    string
	Host    string // "" means all server names
	Rows    []TCPRow
	// Unserved says why no connection reaches the group, as a sentence without
	// its subject. It is "" if connections may reach it.
	Unserved string
}

// TCPRow is one TCPMapping with its real share.
type TCPRow struct {
	Mapping   string // as in Row
	Name      string // metadata.name
	Namespace string
	// Share is the real share of connections, in percent. Up to version 4.1
	// Emissary passes its cumulative numbers to Envoy as weights, so a canary of
	// weight w next to a stable without weight gets 100·w/(w+100) percent.
	Share float64
}
