package live

import (
	"context"
	"fmt"

	"github.com/canarize/canarize/internal/kube"
)

// APIGroup is the API group of Emissary's own resources.
const APIGroup = "getambassador.io"

// Kinds returns the kinds of Emissary's routing configuration. A Service or an Ingress
// may contain Mappings.
func Kinds() []kube.Ref {
	return []kube.Ref{
		{Kind: "Service"}, {Group: "networking.k8s.io", Kind: "Ingress"},
		{Group: APIGroup, Kind: "Mapping"}, {Group: APIGroup, Kind: "TCPMapping"},
		{Group: APIGroup, Kind: "Host"}, {Group: APIGroup, Kind: "Listener"}, {Group: APIGroup, Kind: "Module"},
	}
}

// Grants returns the permissions on routes that a release needs in its namespace.
func Grants() []kube.Grant { return []kube.Grant{kube.Written(APIGroup, "mappings", "tcpmappings")} }

// GatewayGrants returns the permissions that a release needs in Emissary's namespace,
// to query its pods.
func GatewayGrants() []kube.Grant { return kube.TunnelGrants() }

// Objects reads Emissary's routing configuration of a namespace, or with "" of all,
// from a cluster.
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
