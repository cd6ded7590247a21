package harm

import (
	"fmt"
	"slices"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// sharedVolume is a volume that the pods of both versions mount.
type sharedVolume struct {
	name   string // as in a sentence
	access access
	writes bool // the pods write to it
}

// access says which pods can mount a volume at the same time.
type access int

const (
	everywhere access = iota
	oneNode           // pods of one node
	onePod
)

// inlineVolumes are the volumes that a pod names itself (k8s.io/api/core/v1,
// VolumeSource): the field, the fields that identify the volume, and who can mount it at
// the same time.
var inlineVolumes = []struct {
	field  string
	names  []string
	access access
}{
	{"nfs", []string{"server", "path"}, everywhere},
	{"azureFile", []string{"shareName"}, everywhere},
	{"cephfs", []string{"path"}, everywhere},
	{"glusterfs", []string{"endpoints", "path"}, everywhere},
	{"awsElasticBlockStore", []string{"volumeID"}, oneNode},
	{"azureDisk", []string{"diskName"}, oneNode},
	{"gcePersistentDisk", []string{"pdName"}, oneNode},
	{"cinder", []string{"volumeID"}, oneNode},
	{"iscsi", []string{"iqn"}, oneNode},
	{"rbd", []string{"pool", "image"}, oneNode},
	{"vsphereVolume", []string{"volumePath"}, oneNode},
}

// nodePaths are the paths of a node that hold no data of applications: what the node
// itself provides to read, and where its programs listen.
var nodePaths = []string{"/boot", "/dev", "/etc", "/lib", "/proc", "/run", "/sys", "/usr", "/var/run"}

// claims warns about volumes that both versions mount.
func (e *examination) claims(s *subject) {
	mounts, own := mountsOf(s.spec), ownClaims(s)
	var shared []sharedVolume
	for _, v := range manifest.Items(s.spec, "volumes") {
		if own[manifest.GetString(v, "name")] {
			continue
		}
		if found, is := e.sharedVolume(s, v, mounts); is {
			shared = append(shared, found)
		}
	}
	if len(shared) == 0 {
		return
	}
	var names []string
	most, writes := everywhere, false
	for _, v := range shared {
		names = add(names, v.name)
		most = max(most, v.access)
		writes = writes || v.writes
	}
	e.warn(note.SharedClaim, s.Stable, "the canary mounts the same %s as stable, %s", list(names), sharedEffect(most, writes))
}

// sharedEffect says what follows from shared volumes and what to do about it.
func sharedEffect(most access, writes bool) string {
	effects := []string{}
	switch most {
	case onePod:
		return "so its pods cannot start while a stable pod runs; release it without a canary"
	case oneNode:
		effects = append(effects, "its pod may not start on another node")
	}
	if writes {
		effects = append(effects, "two versions write the same files")
	}
	do := "check that each version can read what the other writes"
	if !writes {
		do = "use a volume that several nodes can mount"
	}
	return "so " + strings.Join(effects, ", or ") + "; " + do
}

// ownClaims returns the volumes for which a StatefulSet makes a claim of its own. They
// win over volumes of the same name.
func ownClaims(s *subject) map[string]bool {
	own := map[string]bool{}
	for _, claim := range manifest.Items(s.Stable.Root, "spec", "volumeClaimTemplates") {
		own[manifest.GetString(claim, "metadata", "name")] = true
	}
	return own
}

// sharedVolume returns the volume if sharing it does harm.
func (e *examination) sharedVolume(s *subject, v *manifest.Node, mounts mounts) (sharedVolume, bool) {
	if claim := manifest.GetString(v, "persistentVolumeClaim", "claimName"); claim != "" {
		modes, most := e.accessOf(s.Namespace, claim)
		writes := mounts.writes(v, "persistentVolumeClaim") && modes != "ReadOnlyMany"
		return sharedVolume{fmt.Sprintf("PersistentVolumeClaim %s (%s)", claim, modes), most, writes}, writes || most != everywhere
	}
	if path := manifest.GetString(v, "hostPath", "path"); path != "" {
		writes := mounts.writes(v, "hostPath") && holdsData(v, path)
		return sharedVolume{"path " + path + " of a node", everywhere, writes}, writes
	}
	for _, inline := range inlineVolumes {
		if source := manifest.Get(v, inline.field); manifest.IsMap(source) {
			var parts []string
			for _, field := range inline.names {
				parts = append(parts, manifest.GetString(source, field))
			}
			writes := mounts.writes(v, inline.field)
			return sharedVolume{inline.field + " volume " + strings.Join(parts, ":"), inline.access, writes}, writes
		}
	}
	return sharedVolume{}, false
}

// accessOf returns the access modes of a claim, and who can mount it. A claim that is not
// in the input counts as ReadWriteOnce, which most are.
func (e *examination) accessOf(namespace, claim string) (modes string, most access) {
	object := e.set.Find(manifest.ID{Kind: "PersistentVolumeClaim", Namespace: namespace, Name: claim})
	if object == nil {
		return "not in the input, so it counts as ReadWriteOnce", oneNode
	}
	var names []string
	for _, m := range manifest.Items(object.Root, "spec", "accessModes") {
		names = add(names, m.Value)
	}
	modes = list(names)
	switch {
	case slices.Contains(names, "ReadWriteMany"), slices.Contains(names, "ReadOnlyMany"):
		return modes, everywhere
	case len(names) == 0:
		return "without an access mode", oneNode
	case slices.Contains(names, "ReadWriteOnce"):
		return modes, oneNode
	case slices.Contains(names, "ReadWriteOncePod"):
		return modes, onePod
	}
	return modes, oneNode
}

// holdsData reports whether a path of the node may hold data of the application.
func holdsData(v *manifest.Node, path string) bool {
	switch manifest.GetString(v, "hostPath", "type") {
	case "Socket", "CharDevice", "BlockDevice":
		return false
	}
	for _, p := range nodePaths {
		if path == p || strings.HasPrefix(path, p+"/") {
			return false
		}
	}
	return path != "/" && !strings.HasSuffix(path, ".sock")
}

// mounts says of every volume of a pod how its containers mount it.
type mounts map[string]mounted

type mounted struct{ any, written bool }

func mountsOf(spec *manifest.Node) mounts {
	all := mounts{}
	for _, c := range containers(spec) {
		own := ownVariables(c)
		for _, m := range manifest.Items(c, "volumeMounts") {
			name := manifest.GetString(m, "name")
			writes := !manifest.IsTrue(manifest.Get(m, "readOnly")) && !ownPath(m, own)
			all[name] = mounted{true, all[name].written || writes}
		}
		for _, d := range manifest.Items(c, "volumeDevices") {
			all[manifest.GetString(d, "name")] = mounted{true, true}
		}
	}
	return all
}

// ownVariables returns the variables of a container that are different for every pod.
func ownVariables(container *manifest.Node) map[string]bool {
	own := map[string]bool{}
	for _, v := range manifest.Items(container, "env") {
		if ofOnePod(manifest.GetString(v, "valueFrom", "fieldRef", "fieldPath")) {
			own[manifest.GetString(v, "name")] = true
		}
	}
	return own
}

// ownPath reports whether a mount is a folder that only one pod has.
func ownPath(mount *manifest.Node, own map[string]bool) bool {
	for _, reference := range references.FindAllString(manifest.GetString(mount, "subPathExpr"), -1) {
		if own[reference[2:len(reference)-1]] {
			return true
		}
	}
	return false
}

// writes reports whether the pod writes to a volume. A volume that no container mounts
// counts as written, as something may add the mount later.
func (m mounts) writes(volume *manifest.Node, source string) bool {
	if manifest.IsTrue(manifest.Get(volume, source, "readOnly")) {
		return false
	}
	at := m[manifest.GetString(volume, "name")]
	return at.written || !at.any
}
