package canary

import "strings"

// kindID names a kind without its version.
type kindID struct{ group, kind string }

// foreignKind is a kind of another program that selects pods, and of which canarize
// knows where it does.
type foreignKind struct {
	selector []string // the path of its selector, from its spec or from each of its specs
	form     form
	// cluster tells that its objects select in all namespaces.
	cluster bool
	// copied tells that a copy for the canary's pods does for them what the object does
	// for the stable pods, and changes nothing else.
	copied bool
	// forwards tells that the object sends requests to the pods, as a Service does.
	forwards bool
	peers    []peerList
	// addable tells that a copy with more peers only adds to what the object does.
	addable bool
	advice  string // what to do about the canary, if not what warnings usually say
}

// peerList is a list of a policy of which the items select the pods at the other end of a
// connection.
type peerList struct {
	lists [][]string // from the spec; "*" stands for each item of a list
	// ends are the paths of the selectors in an item; none if the item is one.
	ends [][]string
}

// istioPolicy and istioProxy select the proxies to which they apply. Of some kinds Istio
// takes one object for a proxy, which is why a copy selects the canary's only
// (istio.io/latest/docs/reference/config).
var (
	istioPolicy = foreignKind{selector: []string{"selector"}, form: byMatchLabels, copied: true}
	istioProxy  = foreignKind{selector: []string{"workloadSelector"}, form: byLabelsMap, copied: true}
)

// ciliumPeers and calicoPeers are the peers of the policies of Cilium (cilium.io/v2, Rule)
// and of Calico (projectcalico.org/v3, Rule).
var (
	ciliumPeers = []peerList{{lists: [][]string{
		{"ingress", "*", "fromEndpoints"}, {"ingressDeny", "*", "fromEndpoints"},
		{"egress", "*", "toEndpoints"}, {"egressDeny", "*", "toEndpoints"},
	}}}
	calicoPeers = []peerList{{
		lists: [][]string{{"ingress"}, {"egress"}},
		ends:  [][]string{{"source", "selector"}, {"destination", "selector"}},
	}}
)

// foreignKinds are the kinds whose meaning is known. A Linkerd Server without an
// authorization of its own admits nobody, so that a copy of it alone would cut the canary
// off (linkerd.io/2/reference/authorization-policy).
var foreignKinds = map[kindID]foreignKind{
	{"security.istio.io", "AuthorizationPolicy"}:   istioPolicy,
	{"security.istio.io", "PeerAuthentication"}:    istioPolicy,
	{"security.istio.io", "RequestAuthentication"}: istioPolicy,
	{"telemetry.istio.io", "Telemetry"}:            istioPolicy,
	{"extensions.istio.io", "WasmPlugin"}:          istioPolicy,
	{"networking.istio.io", "ProxyConfig"}:         istioPolicy,
	{"networking.istio.io", "Sidecar"}:             istioProxy,
	{"networking.istio.io", "EnvoyFilter"}:         istioProxy,
	{"networking.istio.io", "DestinationRule"}:     {selector: []string{"workloadSelector"}, form: byMatchLabels},
	{"networking.istio.io", "Gateway"}:             {selector: []string{"selector"}, form: byMap, cluster: true},
	{"networking.istio.io", "ServiceEntry"}:        {selector: []string{"workloadSelector"}, form: byLabelsMap, forwards: true},

	{"cilium.io", "CiliumNetworkPolicy"}:            {selector: []string{"endpointSelector"}, form: byCiliumLabels, copied: true, peers: ciliumPeers, addable: true},
	{"cilium.io", "CiliumClusterwideNetworkPolicy"}: {selector: []string{"endpointSelector"}, form: byCiliumLabels, cluster: true, peers: ciliumPeers},
	{"cilium.io", "CiliumLocalRedirectPolicy"}:      {selector: []string{"redirectBackend", "localEndpointSelector"}, form: byLabels, forwards: true},

	// The rules of Calico's policies have an order, and one of them may deny the rest,
	// so that a copy with more peers may not add them.
	{"projectcalico.org", "NetworkPolicy"}:           {selector: []string{"selector"}, form: byExpression, copied: true, peers: calicoPeers},
	{"projectcalico.org", "GlobalNetworkPolicy"}:     {selector: []string{"selector"}, form: byExpression, cluster: true, peers: calicoPeers},
	{"crd.projectcalico.org", "NetworkPolicy"}:       {selector: []string{"selector"}, form: byExpression, copied: true, peers: calicoPeers},
	{"crd.projectcalico.org", "GlobalNetworkPolicy"}: {selector: []string{"selector"}, form: byExpression, cluster: true, peers: calicoPeers},

	{"monitoring.googleapis.com", "ClusterPodMonitoring"}: {selector: []string{"selector"}, form: byLabels, cluster: true},
	{"monitoring.grafana.com", "PodLogs"}:                 {selector: []string{"selector"}, form: byLabels},
	{"vpcresources.k8s.aws", "SecurityGroupPolicy"}:       {selector: []string{"podSelector"}, form: byLabels, copied: true},
	{"networking.gke.io", "MultiClusterService"}:          {selector: []string{"template", "spec", "selector"}, form: byMap, forwards: true},
	{"policy.linkerd.io", "Server"}: {selector: []string{"podSelector"}, form: byLabels,
		advice: "add one together with copies of its authorizations, because a Server alone admits nobody"},
}

// podlessGroups are the API groups none of whose other kinds selects pods by label or
// sets anything for a workload that is not its own: their selectors take other objects.
// canarize knows Kubernetes' own and Emissary's kinds; Rollouts and Canaries own what they
// name, and autoscalers are examined by name.
var podlessGroups = map[string]bool{
	"": true, "apps": true, "batch": true, "autoscaling": true, "policy": true, "extensions": true,
	"apiextensions.k8s.io": true, "apiregistration.k8s.io": true, "authentication.k8s.io": true,
	"authorization.k8s.io": true, "certificates.k8s.io": true, "coordination.k8s.io": true,
	"discovery.k8s.io": true, "events.k8s.io": true, "flowcontrol.apiserver.k8s.io": true,
	"networking.k8s.io": true, "node.k8s.io": true, "rbac.authorization.k8s.io": true,
	"resource.k8s.io": true, "scheduling.k8s.io": true, "storage.k8s.io": true,
	"snapshot.storage.k8s.io": true, "groupsnapshot.storage.k8s.io": true, "autoscaling.k8s.io": true,
	"getambassador.io": true, "x.getambassador.io": true,
	"argoproj.io": true, "flagger.app": true, "keda.sh": true, "http.keda.sh": true,
	"monitoring.coreos.com": true, "azmonitoring.coreos.com": true, "operator.victoriametrics.com": true, "monitoring.googleapis.com": true,
	"monitoring.grafana.com": true,
	"cert-manager.io":        true, "acme.cert-manager.io": true, "external-secrets.io": true, "generators.external-secrets.io": true, "bitnami.com": true,
	"operators.coreos.com": true, "velero.io": true, "metallb.io": true,
}

// podlessSuffixes are the ends of names of such groups.
var podlessSuffixes = []string{
	".toolkit.fluxcd.io", ".cluster.x-k8s.io", ".crossplane.io", ".upbound.io", ".cnrm.cloud.google.com", ".cattle.io",
}

func podless(group string) bool {
	if podlessGroups[group] || group == "cluster.x-k8s.io" {
		return true
	}
	for _, suffix := range podlessSuffixes {
		if strings.HasSuffix(group, suffix) {
			return true
		}
	}
	return false
}

// podSelectors are the fields that select pods in kinds that are not known. labelSelector
// is not among them: it selects objects of all kinds, as in a Velero Backup.
var podSelectors = map[string]bool{
	"selector": true, "selectors": true, "podSelector": true, "podSelectors": true, "podLabelSelector": true,
	"workloadSelector": true, "workloadSelectors": true, "endpointSelector": true, "endpointSelectors": true,
	"localEndpointSelector": true, "fromEndpoints": true, "toEndpoints": true,
	"objectSelector": true, // of a webhook: also of pods
	"sourceLabels":   true, // of the clients to which a route of Istio applies
}

// podReferences are the fields that name a workload or a Service by kind and name in order
// to set something for it. Those of routes, such as backendRefs and service, are not among
// them: like an Ingress, they lead to the stable Service as before.
var podReferences = map[string]bool{
	"targetRef": true, "targetRefs": true, "target": true, "targets": true, "parentRef": true, "parentRefs": true,
	"workloadRef": true, "workloadRefs": true, "workload": true, "scaleTargetRef": true, "deploymentRef": true,
	"subject": true, "ref": true, "resourceSelectors": true,
}

// otherSubjects are the fields below which selectors take other objects than pods, and
// templates, whose objects belong to the object itself.
var otherSubjects = map[string]bool{
	"metadata": true, "status": true, "data": true, "stringData": true, "binaryData": true,
	"template": true, "podTemplate": true, "jobTemplate": true, "serviceTemplate": true, "templates": true,
	"namespaces": true, "nodes": true, "clusters": true, "serviceAccounts": true, "services": true, "server": true,
	"storage": true, "volumes": true, "persistence": true,
	"volumeClaimTemplate": true, "volumeClaimTemplates": true, "pvcTemplate": true, "dataVolumeTemplates": true,
	"affinity": true, "topologySpreadConstraints": true, "metrics": true, "schema": true, "openAPIV3Schema": true,
}

// podKinds are the kinds and resources beside a selector that stand for pods.
var podKinds = map[string]bool{"Pod": true, "pods": true, "pod": true, "*": true}

// kumaProxies are the kinds of a reference by which Kuma selects the proxies of pods by
// label, with the field of the labels (developer.konghq.com/mesh/policy-targeting).
var kumaProxies = map[string]string{"Dataplane": "labels", "MeshSubset": "tags"}
