package wiring

import (
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/survey"
)

// AccessOptions configures the permissions of an account.
type AccessOptions struct {
	Namespace         string // of the account and of the releases
	EmissaryNamespace string
	Account           string // a ServiceAccount
	PodMetrics        bool   // the metric source pods is used
}

// NeedsPodMetrics reports whether a metric source needs AccessOptions.PodMetrics.
func NeedsPodMetrics(source metric.SourceName) bool { return source == metric.Pods }

// Access returns the least permissions that the account needs.
func Access(o AccessOptions) kube.Access {
	var routes []kube.Grant
	var elsewhere []kube.Granted
	for _, r := range routers(Routing{Emissary: Emissary{Namespace: o.EmissaryNamespace}}, nil) {
		routes = append(routes, r.grants...)
		elsewhere = append(elsewhere, r.elsewhere...)
	}
	granted := []kube.Granted{{Namespace: o.Namespace, Grants: kube.ReleaseGrants(routes...)}}
	if o.PodMetrics {
		granted = append(granted, kube.Granted{Namespace: o.Namespace, Grants: kube.PageGrants()})
	}
	return kube.Access{
		Namespace: o.Namespace, Account: o.Account, Granted: append(granted, elsewhere...),
		Optional: []kube.Granted{{Namespace: o.Namespace, Grants: survey.Grants()}, {Namespace: o.Namespace, Grants: kube.ExamineGrants()}},
	}
}
