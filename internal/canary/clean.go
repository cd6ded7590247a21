package canary

import (
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
)

// serverFields are the metadata fields that only the API server writes.
var serverFields = map[string]bool{
	"uid": true, "resourceVersion": true, "generation": true, "creationTimestamp": true, "managedFields": true,
	"ownerReferences": true, "selfLink": true, "deletionTimestamp": true, "deletionGracePeriodSeconds": true,
	"finalizers": true, "generateName": true,
}

// ownershipPrefixes are the prefixes of the labels and annotations with which a
// deployment tool marks its objects. The tool would prune or adopt a copy that
// kept them.
var ownershipPrefixes = []string{
	"kubectl.kubernetes.io/last-applied-configuration",
	"deployment.kubernetes.io/", "deprecated.daemonset.template.generation",
	"autoscaling.alpha.kubernetes.io/conditions", "autoscaling.alpha.kubernetes.io/current-metrics",
	"control-plane.alpha.kubernetes.io/",
	"meta.helm.sh/", "helm.sh/", "helm.toolkit.fluxcd.io/",
	"argocd.argoproj.io/", "argoproj.io/",
	"kustomize.toolkit.fluxcd.io/", "fluxcd.io/", "fluxcd.controlplane.io/",
	"objectset.rio.cattle.io/", "kapp.k14s.io/", "config.kubernetes.io/", "internal.config.kubernetes.io/",
}

// cloudPrefixes are the prefixes of the Service annotations with which a cloud,
// a DNS provider or a gateway assigns something, such as an address, to the
// stable Service. The gateway may be another
// than the one that routes to the canary.
var cloudPrefixes = []string{
	"service.beta.kubernetes.io/", "service.alpha.kubernetes.io/", "service.kubernetes.io/load-balancer",
	"cloud.google.com/", "networking.gke.io/", "eks.amazonaws.com/", "alb.ingress.kubernetes.io/",
	"external-dns.alpha.kubernetes.io/", "external-dns.kubernetes.io/", "dns.alpha.kubernetes.io/",
	"metallb.universe.tf/", "metallb.io/", "kube-vip.io/", "lbipam.cilium.io/", "io.cilium/",
	"load-balancer.hetzner.cloud/", "loadbalancer.openstack.org/", "kubernetes.digitalocean.com/",
	"oci.oraclecloud.com/", "oci-network-load-balancer.oraclecloud.com/", "service.cloud.tencent.com/",
	"service.kubernetes.io/qcloud", "service.kubernetes.io/ibm-load-balancer", "tailscale.com/",
	"field.cattle.io/", "getambassador.io/",
}

func hasPrefix(key string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(key, p) {
			return true
		}
	}
	return false
}

// Clean removes from an object what belongs only to the running object: the
// status, the fields of the API server and the marks of its owner.
func Clean(root *manifest.Node) {
	manifest.Delete(root, "status")
	meta := manifest.Get(root, "metadata")
	manifest.DeleteFunc(meta, func(key string) bool { return serverFields[key] })
	labels, annotations := manifest.Get(meta, "labels"), manifest.Get(meta, "annotations")
	by := deployerOf(labels, annotations)
	manifest.DeleteFunc(labels, func(key string) bool { return by.marks(key, labels) })
	manifest.DeleteFunc(annotations, func(key string) bool { return hasPrefix(key, ownershipPrefixes) })
	dropEmpty(meta, "annotations") // not labels: they get the track
}

// cleanTemplate cleans a pod or claim template. It keeps the labels and
// annotations.
func cleanTemplate(template *manifest.Node) {
	manifest.Delete(template, "status")
	manifest.DeleteFunc(manifest.Get(template, "metadata"), func(key string) bool { return serverFields[key] })
	dropEmpty(template, "metadata")
}

// instanceLabel names an instance of an application. By default Argo CD up to 2.14 tracks
// its objects by it: one that Git does not have would be pruned.
const instanceLabel = "app.kubernetes.io/instance"

// HasArgo reports whether an object of the set is Argo CD's or has its mark. Then it may
// manage all of them, and most of what it manages has no mark in Git.
func HasArgo(set *manifest.Set) bool {
	return slices.ContainsFunc(set.Objects, func(o *manifest.Object) bool {
		if o.Group() == "argoproj.io" && (o.Kind() == "Application" || o.Kind() == "ApplicationSet") {
			return true
		}
		meta := manifest.Get(o.Root, "metadata")
		return deployerOf(manifest.Get(meta, "labels"), manifest.Get(meta, "annotations")).argo
	})
}

// deployer holds which deployment tools have marked an object.
type deployer struct{ helm, argo bool }

func deployerOf(labels, annotations *manifest.Node) deployer {
	var o deployer
	for _, key := range append(manifest.Keys(labels), manifest.Keys(annotations)...) {
		o.helm = o.helm || strings.HasPrefix(key, "meta.helm.sh/") || strings.HasPrefix(key, "helm.sh/")
		o.argo = o.argo || strings.HasPrefix(key, "argocd.argoproj.io/")
	}
	o.helm = o.helm || manifest.GetString(labels, "app.kubernetes.io/managed-by") == "Helm"
	return o
}

// marks reports whether a label marks an owner. Old Helm charts set heritage, chart
// and release.
func (o deployer) marks(key string, labels *manifest.Node) bool {
	value := manifest.GetString(labels, key)
	switch key {
	case "app.kubernetes.io/managed-by":
		return value == "Helm" || strings.HasPrefix(value, "argocd") || strings.HasPrefix(value, "flux")
	case instanceLabel:
		return o.argo
	case "heritage":
		return value == "Helm" || value == "Tiller"
	case "chart", "release":
		h := manifest.GetString(labels, "heritage")
		return o.helm || h == "Helm" || h == "Tiller"
	}
	return hasPrefix(key, ownershipPrefixes)
}

// dropEmpty removes the keys whose mapping is empty.
func dropEmpty(n *manifest.Node, keys ...string) {
	if !manifest.IsMap(n) {
		return
	}
	manifest.DeleteFunc(n, func(key string) bool {
		for _, k := range keys {
			if k == key {
				v := manifest.Get(n, key)
				return v == nil || manifest.IsMap(v) && len(v.Content) == 0
			}
		}
		return false
	})
}
