// Package model is a pure model of what Emissary-ingress does with a set of
// Kubernetes objects: which Mappings form a group, which share of a group's
// requests each Mapping really gets, which Mappings are dropped, under which
// names Envoy counts them, and which errors Emissary reports.
//
// It follows Emissary's own configuration pipeline, stage by stage:
//
//	intake    objects → resources with a name, an id and an order     (Emissary: fetch, config)
//	mapping   resource → Mapping with match, service, cluster fields  (irhttpmapping, irbasemapping)
//	group     Mappings that answer the same requests, core fields     (irhttpmappinggroup)
//	weight    weights → cumulative thresholds → shares                (irbasemappinggroup)
//	cluster   cluster and statistics names                            (ircluster, ir)
//	host      which groups a virtual host really serves               (irhost, v3listener)
//
// The file names in parentheses, here and in the comments of this package, are
// those of Emissary's generator, where each fact can be checked. The facts are
// those of Emissary 3.10 and 4.1; if they differ, 4.1 counts. What later
// versions do differently depends on Options.Version.
//
// The package reads no file, clock or cluster. The same set of objects gives
// the same report in any order, as long as no two objects have the same kind,
// namespace and name. No input makes it panic.
package model
