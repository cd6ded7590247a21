package doctor

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/canarize/canarize/internal/manifest"
)

func (e *Exam) namespace() {
	id := manifest.ID{Kind: "Namespace", Name: e.Namespace}
	switch o, found := e.byID[id]; {
	case found && o.GetDeletionTimestamp() != nil:
		e.find("namespace", id.String(), "it is being deleted", "wait until it is deleted, then create it again")
	case slices.Contains(e.Absent, id):
		e.find("namespace", id.String(), "it does not exist", "kubectl create namespace "+e.Namespace+", or use another one with -n")
	}
}

func (e *Exam) permissions() {
	for _, d := range e.Denied {
		e.find("permission", d.Resource+" in namespace "+d.Namespace, "not allowed: "+strings.Join(d.Verbs, ", "),
			fmt.Sprintf("ask an administrator to apply the output of %s", e.Grant))
	}
}

// refused adds what the API server would refuse. About a field of a workload that another
// program releases there is no advice but to leave it to that program.
func (e *Exam) refused() {
	if e.Wanted == nil {
		return
	}
	others := map[string]bool{}
	for _, pair := range e.Wanted.Plan.Workloads {
		_, others[pair.Stable.String()] = e.releaser(pair.Stable)
	}
	for _, f := range e.Wanted.Refused {
		if f.Check != "owner" || !others[f.Object] {
			e.found = append(e.found, f)
		}
	}
}

// limiting lists the resources of a quota that a canary needs.
var limiting = []string{"pods", "count/pods", "cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory", "count/deployments.apps", "services", "count/services", "configmaps", "count/configmaps", "secrets", "count/secrets"}

func (e *Exam) quotas() {
	for _, q := range e.Of(e.Namespace, "ResourceQuota") {
		for _, name := range limiting {
			hard, limited := quantity(q, "hard", name)
			used, known := quantity(q, "used", name)
			if limited && known && used.Cmp(hard) >= 0 {
				e.find("quota", q.ID.String(), fmt.Sprintf("the quota of %s is used up (%s of %s), so a canary cannot be created", name, used.String(), hard.String()), "raise the quota, or free some of it")
			}
		}
	}
}

func quantity(quota Object, which, name string) (resource.Quantity, bool) {
	q, err := resource.ParseQuantity(quota.Text("status", which, name))
	return q, err == nil
}
