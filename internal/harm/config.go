package harm

import (
	"strings"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// generating are the annotations by which a controller fills a Secret with random values:
// kubernetes-secret-generator. A copy of the Secret gets other values.
var generating = []string{"secret-generator.v1.mittwald.de/autogenerate"}

// config warns about ConfigMaps and Secrets that the pods read and a controller makes.
// Those of the input have a copy for the canary, these have none.
func (e *examination) config(s *subject) {
	var same, lacking, random []string
	read := func(kind, name string) {
		original := e.set.Find(manifest.ID{Kind: kind, Namespace: s.Namespace, Name: name})
		maker := e.makerOf(kind, s.Namespace, name, original)
		switch {
		case maker != nil && kind == "SecretProviderClass":
			same = add(same, kind+" "+name)
		case maker != nil && kind == maker.Kind():
			same = add(same, kind+" "+name+" (copied from "+maker.ID().String()+")")
		case maker != nil && original == nil:
			same = add(same, kind+" "+name+" (made by "+maker.ID().String()+")")
		case maker != nil:
			lacking = add(lacking, maker.ID().String()+" adds to "+kind+" "+name)
		}
		for _, key := range generating {
			if original != nil && manifest.Get(original.Root, "metadata", "annotations", key) != nil {
				random = add(random, kind+" "+name)
			}
		}
	}
	canary.Configs(s.spec, read)
	for _, v := range manifest.Items(s.spec, "volumes") {
		if name := manifest.GetString(v, "csi", "volumeAttributes", "secretProviderClass"); name != "" {
			read("SecretProviderClass", name)
		}
	}
	const both = "; leave the original out of the input, so that both versions read it"
	var says []string
	if len(same) > 0 {
		says = append(says, "the canary reads the same "+list(same)+" as stable, so a change reaches both at once; to try other values on the canary, apply them under a new name first")
	}
	if len(lacking) > 0 {
		says = append(says, "the canary reads a copy without what "+list(lacking)+both)
	}
	if len(random) > 0 {
		says = append(says, "the canary reads a copy of "+list(random)+", for which a controller generates other values than stable has"+both)
	}
	if len(says) > 0 {
		e.warn(note.GeneratedConfig, s.Stable, "%s", strings.Join(says, "; "))
	}
}

// makerOf returns the object from which a controller makes a ConfigMap or Secret, or nil.
// original is the ConfigMap or Secret if it is in the input.
func (e *examination) makerOf(kind, namespace, name string, original *manifest.Object) *manifest.Object {
	for _, ns := range []string{namespace, everyNamespace} {
		for _, maker := range e.makers[sharing{kind, ns, name}] {
			if maker != original && (original == nil || maker.Kind() != kind) {
				return maker
			}
		}
	}
	return nil
}
