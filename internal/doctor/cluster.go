package doctor

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/readiness"
)

func (e *exam) namespace() {
	id := manifest.ID{Kind: "Namespace", Name: e.Namespace}
	switch o, found := e.byID[id]; {
	case found && o.GetDeletionTimestamp() != nil:
		e.find("namespace", id.String(), "it is being deleted", "wait until it is gone, and make it again")
	case slices.Contains(e.Absent, id):
		e.find("namespace", id.String(), "it does not exist", "kubectl create namespace "+e.Namespace+", or name another one with -n")
	}
}

func (e *exam) permissions() {
	for _, d := range e.Denied {
		e.find("permission", d.Resource+" in namespace "+d.Namespace, "not allowed: "+strings.Join(d.Verbs, ", "),
			fmt.Sprintf("have somebody who may grant it apply what canarize rbac -n %s --emissary-namespace %s prints", e.Namespace, e.GatewayNamespace))
	}
}

// wantedVersion is the version of Emissary's resources that canarize writes.
const wantedVersion = "v3alpha1"

func (e *exam) served() {
	const group = "API group getambassador.io"
	switch {
	case len(e.Versions) == 0:
		e.find("crd", group, "the cluster does not serve it, so there are no Mappings", "install Emissary-ingress with its CRDs, or choose another --context")
	case !slices.Contains(e.Versions, wantedVersion):
		e.find("crd", group, fmt.Sprintf("the cluster serves %s and not %s, in which canarize writes Mappings", strings.Join(e.Versions, ", "), wantedVersion),
			"apply the CRDs of Emissary 3.10 or 4")
	}
}

func (e *exam) refused() {
	if e.Wanted != nil {
		e.found = append(e.found, e.Wanted.Refused...)
	}
}

// The label by which Emissary's manifests and its chart name its pods.
const gatewayKey, gatewayName = "app.kubernetes.io/name", "emissary-ingress"

func (e *exam) gatewayPods() []object {
	return slices.DeleteFunc(e.of(e.GatewayNamespace, "Pod"), func(o object) bool { return o.GetLabels()[gatewayKey] != gatewayName })
}

func (e *exam) gateway() {
	pods := e.gatewayPods()
	if len(pods) == 0 && e.listed(manifest.ID{Kind: "Pod", Namespace: e.GatewayNamespace}) {
		e.find("emissary", "Namespace "+e.GatewayNamespace, fmt.Sprintf("it has no pod with the label %s=%s, so no share can be seen to be real", gatewayKey, gatewayName),
			"start Emissary, or name its namespace with --emissary-namespace")
	}
	for _, p := range pods {
		if status := readiness.Compute(p.Object); status.Phase != readiness.Current {
			e.find("emissary", p.id.String(), "Emissary's pod is not ready: "+status.Message, fmt.Sprintf("kubectl describe pod %s -n %s says more; release when it is ready", p.id.Name, p.id.Namespace))
		}
	}
	versions := gatewayVersions(pods)
	if len(versions) > 1 {
		e.find("emissary", "Namespace "+e.GatewayNamespace, "its pods are of several versions of Emissary: "+strings.Join(versions, ", "), "wait until its rollout is over, or name one installation's namespace")
	}
	for _, v := range versions {
		if !strings.HasPrefix(v, "3.") && !strings.HasPrefix(v, "4.") {
			e.find("emissary", "Emissary "+v, "canarize computes what Emissary 3.10 and 4.1 do with Mappings; another version may do something else", "use Emissary 3.10 or 4")
		}
	}
}

// imageVersion finds the version in the tag of an image of Emissary or of the
// Ambassador Edge Stack.
var imageVersion = regexp.MustCompile(`(?:^|/)(?:emissary|emissary-ingress|ambassador|aes)(?::v?([0-9]+\.[0-9]+(?:\.[0-9]+)?)[^/]*)?$`)

// gatewayVersions are the versions of Emissary that run, as far as images tell them.
func gatewayVersions(pods []object) []string {
	var versions []string
	for _, p := range pods {
		for _, container := range p.list("spec", "containers") {
			image, _ := container["image"].(string)
			image, _, _ = strings.Cut(image, "@")
			if found := imageVersion.FindStringSubmatch(image); found != nil && found[1] != "" {
				versions = append(versions, found[1])
			}
		}
	}
	slices.Sort(versions)
	return slices.Compact(versions)
}

func (e *exam) emissaryFact() string {
	pods := e.gatewayPods()
	if len(pods) == 0 {
		return ""
	}
	version := "of unknown version"
	if versions := gatewayVersions(pods); len(versions) > 0 {
		version = strings.Join(versions, " and ")
	}
	if len(pods) == 1 {
		return fmt.Sprintf("Emissary %s, 1 pod", version)
	}
	return fmt.Sprintf("Emissary %s, %d pods", version, len(pods))
}

// ambassadorID is the id of the installation that the pods of Emissary are.
func (e *exam) ambassadorID() string {
	for _, p := range e.gatewayPods() {
		for _, container := range p.list("spec", "containers") {
			variables, _ := container["env"].([]any)
			for _, v := range variables {
				if variable, _ := v.(map[string]any); variable["name"] == "AMBASSADOR_ID" {
					id, _ := variable["value"].(string)
					return id
				}
			}
		}
	}
	return ""
}

// limiting are the resources of a quota without which a canary cannot be made.
var limiting = []string{"pods", "count/pods", "cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory", "count/deployments.apps", "services", "count/services", "configmaps", "count/configmaps", "secrets", "count/secrets"}

func (e *exam) quotas() {
	for _, q := range e.of(e.Namespace, "ResourceQuota") {
		for _, name := range limiting {
			hard, limited := quantity(q, "hard", name)
			used, known := quantity(q, "used", name)
			if limited && known && used.Cmp(hard) >= 0 {
				e.find("quota", q.id.String(), fmt.Sprintf("all of %s is used: %s of %s, so there is no room for a canary", name, used.String(), hard.String()), "raise the quota, or make room")
			}
		}
	}
}

func quantity(quota object, which, name string) (resource.Quantity, bool) {
	q, err := resource.ParseQuantity(quota.text("status", which, name))
	return q, err == nil
}
