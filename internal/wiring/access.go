package wiring

import "github.com/canarize/canarize/internal/kube"

// AccessOptions say whose releases an account has to carry out.
type AccessOptions struct {
	Namespace         string // of the account, and of the releases
	EmissaryNamespace string
	Account           string // a ServiceAccount
	PodMetrics        bool   // whether the metric source pods is used
}

// Access is the least that the account needs.
func Access(o AccessOptions) kube.Access {
	var routes []kube.Grant
	var elsewhere []kube.Granted
	for _, r := range routers(o.EmissaryNamespace, nil) {
		routes = append(routes, r.grants...)
		elsewhere = append(elsewhere, r.elsewhere...)
	}
	granted := []kube.Granted{{Namespace: o.Namespace, Grants: kube.ReleaseGrants(routes...)}}
	if o.PodMetrics {
		granted = append(granted, kube.Granted{Namespace: o.Namespace, Grants: kube.PageGrants()})
	}
	return kube.Access{Namespace: o.Namespace, Account: o.Account, Granted: append(granted, elsewhere...)}
}
