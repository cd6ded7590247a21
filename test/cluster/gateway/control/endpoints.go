package control

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/test/cluster/gateway/envoyconf"
)

// serviceName is the label of an EndpointSlice that names its Service.
const serviceName = "kubernetes.io/service-name"

// endpoints returns the ready endpoints of a cluster: those that EndpointSlices list for the
// port of its Service. There are none if there is no such Service or port.
func endpoints(c model.Cluster, objects, slices []map[string]any, ownNamespace string) []envoyconf.Endpoint {
	name, namespace := serviceOf(c.Host, ownNamespace)
	portName, found := servicePort(objects, namespace, name, int64(c.Port))
	if !found {
		return nil
	}
	var out []envoyconf.Endpoint
	for _, o := range slices {
		slice := unstructured.Unstructured{Object: o}
		if slice.GetNamespace() != namespace || slice.GetLabels()[serviceName] != name {
			continue
		}
		port, found := slicePort(slice, portName)
		if !found {
			continue
		}
		for _, address := range readyAddresses(slice) {
			out = append(out, envoyconf.Endpoint{Address: address, Port: port})
		}
	}
	return out
}

// serviceOf parses NAME, NAME.NAMESPACE and NAME.NAMESPACE.svc….
func serviceOf(host, ownNamespace string) (name, namespace string) {
	name, rest, qualified := strings.Cut(host, ".")
	if !qualified {
		return name, ownNamespace
	}
	namespace, _, _ = strings.Cut(rest, ".")
	return name, namespace
}

// servicePort returns the name of a Service's port, or "" if it has only one.
func servicePort(objects []map[string]any, namespace, name string, port int64) (string, bool) {
	for _, o := range objects {
		u := unstructured.Unstructured{Object: o}
		if u.GetKind() != "Service" || u.GetNamespace() != namespace || u.GetName() != name {
			continue
		}
		ports, _, _ := unstructured.NestedSlice(o, "spec", "ports")
		for _, p := range ports {
			fields, _ := p.(map[string]any)
			if n, _, _ := unstructured.NestedInt64(fields, "port"); n == port {
				portName, _, _ := unstructured.NestedString(fields, "name")
				return portName, true
			}
		}
	}
	return "", false
}

func slicePort(slice unstructured.Unstructured, name string) (int, bool) {
	ports, _, _ := unstructured.NestedSlice(slice.Object, "ports")
	for _, p := range ports {
		fields, _ := p.(map[string]any)
		portName, _, _ := unstructured.NestedString(fields, "name")
		port, found, _ := unstructured.NestedInt64(fields, "port")
		if portName == name && found {
			return int(port), true
		}
	}
	return 0, false
}

func readyAddresses(slice unstructured.Unstructured) []string {
	var out []string
	all, _, _ := unstructured.NestedSlice(slice.Object, "endpoints")
	for _, e := range all {
		fields, _ := e.(map[string]any)
		ready, found, _ := unstructured.NestedBool(fields, "conditions", "ready")
		if found && !ready {
			continue
		}
		addresses, _, _ := unstructured.NestedStringSlice(fields, "addresses")
		out = append(out, addresses...)
	}
	return out
}
