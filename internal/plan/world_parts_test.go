package plan_test

import (
	"fmt"
	"maps"
	"slices"
)

// podSpec draws a pod that reads configuration in every possible way. It has placement
// rules, and some select its own pods.
func (w *world) podSpec(a *application, selector obj) obj {
	main := obj{"name": "main", "image": "registry.example.com:5000/shop/main:1.0"}
	spec := obj{"containers": []any{main}}
	if w.chance(30, "init?") {
		spec["initContainers"] = []any{obj{"name": "init", "image": "busybox"}}
	}
	if w.chance(50, "configuration?") {
		w.configuration(a, spec, main)
	}
	if w.chance(30, "placement?") {
		term := func() obj {
			labels := subset(w, "placement labels", a.labels, 1)
			s := one(w, "placement", obj{"matchLabels": labelled(labels)}, selector, obj{"matchLabels": obj{"app": "cache"}}, expressed(labels))
			return obj{"topologyKey": "kubernetes.io/hostname", "labelSelector": s}
		}
		spec["topologySpreadConstraints"] = []any{term()}
		weighed := func() obj {
			return obj{"weight": w.number("weight of a term", 1, 3), "podAffinityTerm": w.elsewhere(a, term())}
		}
		spec["affinity"] = obj{
			"podAntiAffinity": obj{"requiredDuringSchedulingIgnoredDuringExecution": []any{w.elsewhere(a, term()), w.elsewhere(a, term())}},
			"podAffinity": obj{
				"preferredDuringSchedulingIgnoredDuringExecution": []any{weighed(), weighed()},
				"requiredDuringSchedulingIgnoredDuringExecution":  []any{w.elsewhere(a, term())},
			},
		}
	}
	if w.chance(8, "claim?") {
		volumes, _ := spec["volumes"].([]any)
		spec["volumes"] = append(volumes, obj{"name": "disk", "persistentVolumeClaim": obj{"claimName": w.claim(a)}})
	}
	return spec
}

// claim draws a PersistentVolumeClaim and returns its name.
func (w *world) claim(a *application) string {
	n := w.unique("PersistentVolumeClaim", a.name[:min(len(a.name), 40)], 60)
	mode := one(w, "access mode", "ReadWriteMany", "ReadWriteMany", "ReadOnlyMany", "ReadWriteOnce", "ReadWriteOncePod", "outside")
	if mode != "outside" {
		w.add(newObject("v1", "PersistentVolumeClaim", a.ns, n, obj{"accessModes": []any{mode}}))
	}
	return n
}

// elsewhere makes a term of affinity be about certain namespaces.
func (w *world) elsewhere(a *application, term obj) obj {
	own := namespace(obj{"metadata": obj{"namespace": a.ns}})
	if lists := [][]any{nil, nil, {own}, {otherNamespace}, {own, otherNamespace}, {otherNamespace, "third"}}; w.chance(60, "namespaces?") {
		if list := one(w, "namespaces of a term", lists...); list != nil {
			term["namespaces"] = list
		}
	}
	if w.chance(30, "namespaceSelector?") {
		term["namespaceSelector"] = one(w, "namespaceSelector", obj{},
			obj{"matchLabels": obj{namespaceLabel: own}}, obj{"matchLabels": obj{namespaceLabel: otherNamespace}},
			obj{"matchExpressions": []any{obj{"key": namespaceLabel, "operator": "NotIn", "values": []any{own}}}},
			obj{"matchLabels": obj{"team": "games"}})
	}
	return term
}

// expressed writes a selector with expressions only.
func expressed(labels map[string]string) obj {
	var terms []any
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		terms = append(terms, obj{"key": k, "operator": "In", "values": []any{labels[k], "another"}})
	}
	return obj{"matchExpressions": terms}
}

func (w *world) configuration(a *application, spec, main obj) {
	config := func() string {
		return one(w, "ConfigMap", a.name[:min(len(a.name), 40)]+".config", "shared", "outside")
	}
	secret := func() string { return one(w, "Secret", a.name[:min(len(a.name), 40)]+"-keys", "shared", "outside") }
	optional := w.chance(50, "optional?")
	main["env"] = []any{
		obj{"name": "A", "valueFrom": obj{"configMapKeyRef": obj{"name": config(), "key": "a", "optional": optional}}},
		obj{"name": "B", "valueFrom": obj{"secretKeyRef": obj{"name": secret(), "key": "b"}}},
		obj{"name": "C", "value": config()},
	}
	main["envFrom"] = []any{obj{"configMapRef": obj{"name": config()}}, obj{"secretRef": obj{"name": secret(), "optional": optional}}}
	spec["volumes"] = []any{
		obj{"name": "c", "configMap": obj{"name": config()}},
		obj{"name": "s", "secret": obj{"secretName": secret(), "optional": optional}},
		obj{"name": "p", "projected": obj{"sources": []any{obj{"configMap": obj{"name": config()}}, obj{"secret": obj{"name": secret()}}}}},
		obj{"name": "d", "csi": obj{"driver": "d.example.com", "nodePublishSecretRef": obj{"name": secret()}}},
	}
	spec["imagePullSecrets"] = []any{obj{"name": secret()}}
	for _, n := range []string{config(), secret()} {
		kind := "ConfigMap"
		if len(n) > 5 && n[len(n)-5:] == "-keys" {
			kind = "Secret"
		}
		if id := kind + a.ns + n; n != "outside" && !w.taken[id] {
			w.taken[id] = true
			o := newObject("v1", kind, a.ns, n, nil)
			o["data"] = obj{"a": "MQ==", "number": "010", "yes": "yes"}
			w.add(o)
		}
	}
}

// attachments draws the autoscaler and the disruption budget of a workload.
func (w *world) attachments(a *application, o obj) {
	short := name(o)[:min(len(name(o)), 200)]
	if kind(o) != "DaemonSet" && w.chance(30, "autoscaler?") {
		spec := obj{"scaleTargetRef": obj{"apiVersion": "apps/v1", "kind": kind(o), "name": name(o)}, "maxReplicas": w.number("max", 5, 9)}
		if w.chance(60, "min?") {
			spec["minReplicas"] = w.number("min", 1, 5)
		}
		if len(a.services) > 0 && w.chance(30, "object metric?") {
			spec["metrics"] = []any{obj{"type": "Object", "object": obj{"describedObject": obj{"apiVersion": "v1", "kind": "Service", "name": name(a.services[0])}}}}
		}
		w.add(newObject("autoscaling/v2", "HorizontalPodAutoscaler", a.ns, w.unique("HPA", short, 253), spec))
	}
	if w.chance(25, "budget?") {
		labels := subset(w, "budget labels", strs(o, "spec", "template", "metadata", "labels"), 1)
		delete(labels, "env") // not a label that --labels changes
		if len(labels) > 0 {
			selector := one(w, "budget selector", obj{"matchLabels": labelled(labels)}, expressed(labels))
			w.add(newObject("policy/v1", "PodDisruptionBudget", a.ns, w.unique("PDB", short, 253), obj{"minAvailable": 1, "selector": selector}))
		}
	}
}

func (w *world) monitors(a *application) {
	selector := obj{"matchLabels": labelled(subset(w, "monitor labels", a.labels, 1))}
	spec := obj{"selector": selector, "endpoints": []any{obj{"port": "metrics"}}}
	if w.chance(30, "any namespace?") {
		spec["namespaceSelector"] = obj{"any": true}
	}
	kind := one(w, "monitor", "ServiceMonitor", "PodMonitor")
	w.add(newObject("monitoring.coreos.com/v1", kind, a.ns, w.unique(kind, a.name, 60), spec))
}

// lasting returns the labels of pods that --labels does not change. A policy that asks
// for another label would block the canary.
func (w *world) lasting(a *application) map[string]string {
	if w.relabel {
		return a.selecting
	}
	return a.labels
}

// policies draws network policies of an application: with whom it may talk, by label.
func (w *world) policies(a *application, apps []*application) {
	peer := func() obj {
		other := one(w, "peer", apps...)
		labels := subset(w, "peer labels", w.lasting(other), 1)
		p := obj{"podSelector": one(w, "peer selector", obj{"matchLabels": labelled(labels)}, expressed(labels), obj{})}
		switch w.number("peer namespace", 0, 3) {
		case 1:
			p["namespaceSelector"] = obj{}
		case 2:
			p["namespaceSelector"] = obj{"matchLabels": obj{"kubernetes.io/metadata.name": "shop"}}
		case 3:
			return one(w, "peer", p, obj{"ipBlock": obj{"cidr": "192.0.2.0/24"}}, obj{"namespaceSelector": obj{}})
		}
		return p
	}
	for i := range w.number("policies", 1, 2) {
		labels := subset(w, "policy labels", w.lasting(a), 1)
		spec := obj{"podSelector": one(w, "policy selector", obj{}, obj{"matchLabels": labelled(labels)}, expressed(labels))}
		if w.chance(70, "ingress?") {
			spec["ingress"] = []any{obj{"from": []any{peer()}, "ports": []any{obj{"port": 8080 + i}}}, obj{"from": []any{peer(), peer()}}}
		}
		if w.chance(40, "egress?") {
			spec["egress"] = []any{obj{"to": []any{peer()}}}
			spec["policyTypes"] = []any{"Ingress", "Egress"}
		}
		w.add(newObject("networking.k8s.io/v1", "NetworkPolicy", a.ns, w.unique("policy", fmt.Sprint(a.name[:min(len(a.name), 40)], "-", i), 60), spec))
	}
}

// routes draws the Mappings of an application's Services, each with its own route.
func (w *world) routes(a *application) {
	for _, s := range a.services {
		for range w.number("mappings", 0, 2) {
			w.route(a, s)
		}
		if w.chance(8, "TCPMapping?") {
			w.tcp = true
			n := w.unique("mapping", a.name[:min(len(a.name), 50)], 60)
			w.add(newObject("getambassador.io/v3alpha1", "TCPMapping", a.ns, n, obj{"port": 10000 + len(w.objects), "service": name(s) + ":80"}))
		}
	}
	if len(a.services) > 0 && w.chance(15, "Hosts?") && !w.taken["Host"] {
		w.taken["Host"] = true
		spec := obj{"hostname": "*", "requestPolicy": obj{"insecure": obj{"action": "Route"}}}
		if !w.relabel && w.chance(50, "selector?") {
			spec["mappingSelector"] = obj{"matchLabels": obj{"env": "prod"}}
		}
		w.add(newObject("getambassador.io/v3alpha1", "Host", a.ns, "all", spec))
	}
	if w.chance(5, "Module?") && !w.taken["Module"] {
		w.taken["Module"] = true
		w.add(newObject("getambassador.io/v3alpha1", "Module", "emissary", "ambassador", obj{"config": obj{"defaults": obj{"httpmapping": obj{"stats_name": "all"}}}}))
	}
}

func (w *world) route(a *application, s obj) {
	service := one(w, "scheme", "", "http://") + name(s) + one(w, "qualified", "", "."+namespace(s), "."+namespace(s)+".svc", "."+namespace(s)+".svc.my.domain.", "."+namespace(s)+".io") + one(w, "port", "", ":80")
	w.mappings++
	spec := obj{"prefix": fmt.Sprintf("/%d/", w.mappings), "service": service}
	for _, f := range []struct {
		field string
		value any
	}{
		{"timeout_ms", 6000}, {"connect_timeout_ms", 2000}, {"rewrite", "/new"}, {"stats_name", "shop"}, {"cluster_tag", "tag"},
		{"unknown_field", obj{"kept": true}}, {"headers", obj{"x-user": "beta"}}, {"method", "GET"}, {"precedence", 10},
		{"circuit_breakers", []any{obj{"max_connections": 10}}}, {"retry_policy", obj{"retry_on": "5xx", "num_retries": 3}},
		{"bypass_auth", true}, {"ambassador_id", []any{"default", "other"}}, {"allow_upgrade", []any{"websocket"}},
		{"labels", obj{"ambassador": []any{obj{"group": []any{obj{"remote_address": obj{"key": "remote_address"}}}}}}},
	} {
		if w.chance(12, f.field+"?") {
			spec[f.field] = f.value
		}
	}
	version := one(w, "version", "v3alpha1", "v3alpha1", "v2", "v1", "annotation")
	host := one(w, "host", "*", "*", "shop.example.com", "")
	n := w.unique("mapping", one(w, "mapping name", a.name[:min(len(a.name), 60)], "front_door", "Main.v2"), 60)
	field := "host"
	if version == "v3alpha1" || version == "v1" && host == "*" {
		field = "hostname"
		if host == "shop.example.com" { // "*" is a glob, and host takes none
			field = one(w, "host field", "host", "hostname")
		}
	}
	if host != "" {
		spec[field] = host
	}
	if version == "annotation" {
		w.annotate(s, n, spec)
		return
	}
	o := newObject("getambassador.io/"+version, "Mapping", a.ns, dns(n), spec)
	if w.chance(50, "mapping labels?") {
		o["metadata"].(obj)["labels"] = labelled(a.labels)
	}
	w.add(o)
}
