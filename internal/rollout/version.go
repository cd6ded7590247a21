package rollout

import (
	"fmt"
	"strings"
)

// Versions shows the old and the new version by the first image that changes, such as
// "shop:1 → shop:2"; "" if no image is known.
func (s State) Versions() string {
	var changed []string
	for _, i := range s.Images {
		if before := s.BeforeOf(i); before != i.Image {
			changed = append(changed, change(before, i.Image))
		}
	}
	switch {
	case len(changed) > 1:
		return fmt.Sprintf("%s and %d more", changed[0], len(changed)-1)
	case len(changed) == 1:
		return changed[0]
	case len(s.Images) > 0:
		return ShortImage(s.Images[0].Image) + " with other settings"
	}
	return ""
}

// BeforeOf returns the image that a container had before the release; "" if unknown.
func (s State) BeforeOf(i Image) string {
	for _, b := range s.Before {
		if b.Workload == i.Workload && b.Container == i.Container {
			return b.Image
		}
	}
	return ""
}

// change shows two images that differ, in as few characters as show the difference.
func change(before, after string) string {
	if before == "" {
		return ShortImage(after)
	}
	for _, short := range []func(string) string{ShortImage, withDigest} {
		if a, b := short(before), short(after); a != b {
			return a + " → " + b
		}
	}
	return before + " → " + after
}

// shortDigits is the number of digits of a short digest.
const shortDigits = 12

// ShortImage leaves out an image's registry, and shortens its digest. With a tag, the tag
// says enough.
func ShortImage(image string) string {
	name, _, _ := strings.Cut(withDigest(image), "@")
	if strings.Contains(name, ":") {
		return name
	}
	return withDigest(image)
}

// withDigest leaves out an image's registry, and shortens its digest.
func withDigest(image string) string {
	name, digest, pinned := strings.Cut(image, "@")
	name = name[strings.LastIndex(name, "/")+1:]
	if !pinned {
		return name
	}
	_, digits, _ := strings.Cut(digest, ":")
	return name + "@" + digits[:min(len(digits), shortDigits)]
}

// what names the new version in the text of a request.
func (s State) what() string {
	if v := s.Versions(); v != "" {
		return v
	}
	return short(s.Plan)
}
