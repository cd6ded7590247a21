package survey

import (
	"context"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/similar"
)

// Namespace is what can be said about a namespace.
type Namespace struct {
	Exists, Known bool
	Similar       string // the namespace that was probably meant, if one does not exist; or ""
}

// FindNamespace looks for a namespace. Without the permission to read it, nothing is
// known.
func FindNamespace(ctx context.Context, cluster *kube.Cluster, name string) (Namespace, error) {
	found, err := cluster.Fresh(ctx, kube.Ref(manifest.ID{Kind: "Namespace", Name: name}))
	switch {
	case kube.IsForbidden(err):
		return Namespace{}, nil
	case err != nil:
		return Namespace{}, err
	case found != nil:
		return Namespace{Exists: true, Known: true}, nil
	}
	names, err := Namespaces(ctx, cluster)
	return Namespace{Known: true, Similar: similar.Name(name, names)}, err
}

// Namespaces returns the names of all namespaces, or none without the permission to list
// them.
func Namespaces(ctx context.Context, cluster *kube.Cluster) ([]string, error) {
	all, err := cluster.List(ctx, kube.Ref{Kind: "Namespace"}, "")
	if kube.IsForbidden(err) {
		return nil, nil
	}
	var names []string
	for _, o := range all {
		names = append(names, object.ID(o).Name)
	}
	return names, err
}
