package live

import (
	"context"
	"fmt"

	"github.com/canarize/canarize/internal/kube"
)

// APIGroup is the API group of Emissary's own resources.
const APIGroup = "getambassador.io"

// Kinds are the kinds by which Emissary decides about routes. A Service or an Ingress may
// carry Mappings.
func Kinds() []kube.Ref {
	return []kube.Ref{
		{Kind: "Service"}, {Group: "networking.k8s.io", Kind: "Ingress"},
		{Group: APIGroup, Kind: "Mapping"}, {Group: APIGroup, Kind: "TCPMapping"},
		{Group: APIGroup, Kind: "Host"}, {Group: APIGroup, Kind: "Listener"}, {Group: APIGroup, Kind: "Module"},
	}
}

// Grants are what the routes of a release need in its namespace.
func Grants() []kube.Grant { return []kube.Grant{kube.Written(APIGroup, "mappings", "tcpmappings")} }

// GatewayGrants are what a release needs where Emissary runs, to see what its pods really
// do.
func GatewayGrants() []kube.Grant { return kube.TunnelGrants() }

// Objects reads from a cluster everything by which Emissary decides about routes, of a
// namespace or, with "", of all.
func Objects(ctx context.Context, c *kube.Cluster, namespace string) ([]map[string]any, error) {
	versions, err := c.Versions(ctx, APIGroup)
	if err != nil {
		return nil, err
	}
	if len(versions) == 0 {
		return nil, fmt.Errorf("cluster %s: it does not serve %s; is Emissary-ingress installed?", c.Host(), APIGroup)
	}
	var objects []map[string]any
	for _, kind := range Kinds() {
		kind.Namespace = namespace
		items, err := c.List(ctx, kind, "")
		if kube.IsForbidden(err) {
			return nil, fmt.Errorf("cluster %s: not allowed to list objects of kind %s; grant the verb list on them, or read a single namespace: %w", c.Host(), kind.Kind, err)
		}
		if err != nil {
			return nil, fmt.Errorf("cluster %s: %w", c.Host(), err)
		}
		objects = append(objects, items...)
	}
	return objects, nil
}
