// Package emissary is a pure model of what Emissary-ingress does with a set of
// Kubernetes objects: which Mappings form a group, which share of a group's
// requests each of them really gets, which are dropped, under which names Envoy
// counts them, and what Emissary complains about.
//
// It follows Emissary's own configuration pipeline, stage by stage:
//
//	intake    objects → resources with a name, an id and an order     (Emissary: fetch, config)
//	mapping   resource → Mapping with match, service, cluster fields  (irhttpmapping, irbasemapping)
//	group     Mappings that answer the same requests, core fields     (irhttpmappinggroup)
//	weight    weights → cumulative thresholds → shares                (irbasemappinggroup)
//	cluster   cluster and statistics names                            (ircluster, ir)
//	host      which groups some virtual host really carries           (irhost, v3listener)
//
// The file names in parentheses, here and in the comments of this package, are
// those of Emissary's generator, where a fact can be looked up. Facts are those
// of Emissary 3.10 and 4.1; where both differ, 4.1 counts.
//
// Nothing here reads a file, a clock or a cluster. The same set of objects gives
// the same report, in whatever order the objects come, as long as no two of them
// have the same kind, namespace and name. No input makes it panic.
package model
