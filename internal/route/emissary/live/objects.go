package live

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/kube"
)

// APIGroup is the API group of Emissary's own resources.
const APIGroup = "getambassador.io"

const networkingGroup = "networking.k8s.io"

// Kinds returns the kinds of Emissary's routing configuration that decide which Mappings
// get requests. A Service may contain Mappings.
func Kinds() []kube.Ref {
	return []kube.Ref{
		{Kind: "Service"},
		{Group: APIGroup, Kind: "Mapping"}, {Group: APIGroup, Kind: "TCPMapping"},
		{Group: APIGroup, Kind: "Host"}, {Group: APIGroup, Kind: "Listener"}, {Group: APIGroup, Kind: "Module"},
	}
}

// OptionalKinds returns the other kinds of Emissary's routing configuration. Few clusters
// have objects of them, and few accounts may list them. Emissary makes Mappings of an
// Ingress of its class.
func OptionalKinds() []kube.Ref {
	return []kube.Ref{
		{Group: networkingGroup, Kind: "Ingress"}, {Group: networkingGroup, Kind: "IngressClass"},
		{Group: APIGroup, Kind: "TLSContext"}, {Group: APIGroup, Kind: "ConsulResolver"},
		{Group: APIGroup, Kind: "KubernetesEndpointResolver"}, {Group: APIGroup, Kind: "KubernetesServiceResolver"},
	}
}

// Grants returns the permissions on routes that a release needs in its namespace.
func Grants() []kube.Grant { return []kube.Grant{kube.Written(APIGroup, "mappings", "tcpmappings")} }

// GatewayGrants returns the permissions that a release needs in Emissary's namespace,
// to query its pods.
func GatewayGrants() []kube.Grant { return kube.TunnelGrants() }

// Objects reads Emissary's routing configuration of a namespace, or with "" of all,
// from a cluster. It skips optional kinds that it may not list, and returns them.
func Objects(ctx context.Context, c *kube.Cluster, namespace string) (objects []map[string]any, unread []string, err error) {
	versions, err := c.Versions(ctx, APIGroup)
	if err != nil {
		return nil, nil, err
	}
	if len(versions) == 0 {
		return nil, nil, fmt.Errorf("cluster %s: it does not serve %s; is Emissary-ingress installed?", c.Host(), APIGroup)
	}
	required := Kinds()
	for i, kind := range slices.Concat(required, OptionalKinds()) {
		kind.Namespace = namespace
		items, err := c.List(ctx, kind, "")
		switch {
		case kube.IsForbidden(err) && i >= len(required):
			unread = append(unread, kind.Kind)
			continue
		case kube.IsForbidden(err):
			return nil, nil, fmt.Errorf("cluster %s: not allowed to list objects of kind %s; grant the verb list on them, or read a single namespace: %w", c.Host(), kind.Kind, err)
		case err != nil:
			return nil, nil, fmt.Errorf("cluster %s: %w", c.Host(), err)
		}
		objects = append(objects, items...)
	}
	return objects, unread, nil
}

// Unread returns a sentence about optional kinds that may not be listed.
func Unread(kinds []string) string {
	var names []string
	for _, kind := range kinds {
		if kind == "Ingress" || kind == "IngressClass" {
			kind += "e"
		}
		names = append(names, kind+"s")
	}
	text := strings.Join(names, ", ") + " were not read: not allowed to list them"
	if slices.Contains(kinds, "Ingress") || slices.Contains(kinds, "IngressClass") {
		text += "; Emissary makes Mappings of an Ingress of its class, which change shares"
	}
	return text
}
