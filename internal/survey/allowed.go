package survey

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/canarize/canarize/internal/kube"
)

// WatchAllowed is WatchReleases for all namespaces of which the user may read the records.
// hidden is how many others there are. Namespaces that are created meanwhile are only seen
// by those who may read all.
func WatchAllowed(ctx context.Context, cluster *kube.Cluster, handle func(releases []Recorded, hidden int) (enough bool, err error)) error {
	readable, hidden, err := readableNamespaces(ctx, cluster)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var watching sync.WaitGroup
	var mu sync.Mutex
	known := map[string][]Recorded{}
	for _, namespace := range readable {
		watching.Go(func() {
			err := WatchReleases(ctx, cluster, namespace, "", func(releases []Recorded) (bool, error) {
				mu.Lock()
				defer mu.Unlock()
				known[namespace] = releases
				if len(known) < len(readable) { // the first answers come one by one
					return false, nil
				}
				var all []Recorded
				for _, name := range slices.Sorted(maps.Keys(known)) {
					all = append(all, known[name]...)
				}
				return handle(all, hidden)
			})
			stop(err)
		})
	}
	watching.Wait()
	return context.Cause(ctx)
}

// readableNamespaces returns the namespaces of which the user may read the records, and the
// number of the others. "" means all. It is also the answer if there are none: then the API
// server says what is missing.
func readableNamespaces(ctx context.Context, cluster *kube.Cluster) (readable []string, hidden int, err error) {
	may := func(namespace string) (bool, error) {
		return cluster.Allows(ctx, kube.Ref{Kind: "ConfigMap", Namespace: namespace}, "list", "watch")
	}
	if all, err := may(""); err != nil || all {
		return []string{""}, 0, err
	}
	names, err := Namespaces(ctx, cluster)
	if err != nil {
		return nil, 0, err
	}
	for _, name := range names {
		allowed, err := may(name)
		if err != nil {
			return nil, 0, err
		}
		if allowed {
			readable = append(readable, name)
		} else {
			hidden++
		}
	}
	if len(readable) == 0 {
		return []string{""}, 0, nil
	}
	return readable, hidden, nil
}
