package live

import (
	"context"
	"fmt"
	"time"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/route/emissary/derive"
)

// suspectsEvery is the shortest time between two searches of a process: they read all
// Mappings.
const suspectsEvery = time.Second

// search says where suspects are searched.
type search struct{ namespace, ambassadorID string }

// Suspects implements Verifier.
func (g *Gateways) Suspects(ctx context.Context, namespace, ambassadorID string) ([]string, error) {
	return g.suspects.get(ctx, search{namespace, ambassadorID}, suspectsEvery)
}

func (g *Gateways) searchSuspects(ctx context.Context, of search) ([]string, error) {
	ref := kube.Ref{Group: APIGroup, Kind: "Mapping"}
	mappings, err := g.cluster.List(ctx, ref, "")
	if kube.IsForbidden(err) {
		ref.Namespace = of.namespace
		mappings, err = g.cluster.List(ctx, ref, "")
	}
	if err != nil {
		return nil, err
	}
	var found []string
	for _, m := range mappings {
		for _, problem := range derive.Freezes(m, of.ambassadorID) {
			found = append(found, fmt.Sprintf("%s: %s; Envoy refuses the whole configuration, so Emissary applies no change", object.ID(m), problem))
		}
	}
	return found, nil
}
