package canary

import (
	"fmt"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// warnAboutPins warns about images of the command line that name no version although the
// images that they replace do. podSpec is the canary's.
func (d *derivation) warnAboutPins(w *workload, podSpec *manifest.Node) {
	stable := PodSpec(w.object)
	var lost []string
	for _, list := range []string{"initContainers", "containers"} {
		now := manifest.Items(podSpec, list)
		for i, c := range manifest.Items(stable, list) {
			name, before, after := manifest.GetString(c, "name"), manifest.GetString(c, "image"), manifest.GetString(now[i], "image")
			switch lossOf(before, after) {
			case lostVersion:
				lost = append(lost, fmt.Sprintf("%s in place of %s (container %s)", after, shortDigest(before), name))
			case lostDigest:
				d.note(note.Debug, w.object, "in its canary's container %s, the tag of %s replaces the digest of %s", name, after, shortDigest(before))
			}
		}
	}
	if len(lost) > 0 {
		d.warn(note.UnpinnedImage, w.object, "its canary gets an image without a tag, which means latest: %s; pass it with a tag or a digest", strings.Join(lost, ", "))
	}
}

// loss is what an image lacks that the one before had.
type loss int

const (
	lostNothing loss = iota
	lostDigest       // but it has a tag
	lostVersion      // it has neither a digest nor a tag
)

func lossOf(before, after string) loss {
	_, tag, digest := splitReference(before)
	_, newTag, newDigest := splitReference(after)
	switch {
	case after == before || newDigest != "":
		return lostNothing
	case newTag == "" && (digest != "" || tag != "" && tag != "latest"):
		return lostVersion
	case newTag != "" && digest != "":
		return lostDigest
	}
	return lostNothing
}

// shortDigest shortens the digest of an image reference for a message.
func shortDigest(ref string) string {
	_, _, digest := splitReference(ref)
	const most = len("sha256:") + 12
	if len(digest) <= most {
		return ref
	}
	return ref[:len(ref)-len(digest)+most] + "…"
}
