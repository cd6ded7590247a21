package canary

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/canarize/canarize/internal/manifest"
)

// Image is an image reference that replaces others: the image of the named
// container, or every image from the same repository.
type Image struct {
	Container string // "" to match by repository
	Reference string // as given, such as registry.example.com/app:2
}

// Flag returns [CONTAINER=]IMAGE.
func (i Image) Flag() string {
	if i.Container != "" {
		return i.Container + "=" + i.Reference
	}
	return i.Reference
}

// ParseImage reads [CONTAINER=]IMAGE.
func ParseImage(s string) (Image, error) {
	container, reference, named := strings.Cut(s, "=")
	if !named {
		container, reference = "", s
	}
	if named && container == "" || !validReference(reference) {
		return Image{}, fmt.Errorf("%q is not an image reference; expected [CONTAINER=]IMAGE, such as registry.example.com/app:2 or app=registry.example.com/app:2", s)
	}
	return Image{Container: container, Reference: reference}, nil
}

// imageReference is the grammar of github.com/distribution/reference: an
// optional registry, lower-case path components, a tag, a digest.
var imageReference = regexp.MustCompile(`^(?:[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?(?::[0-9]+)?/)?` +
	`[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*` +
	`(?::[A-Za-z0-9_][-A-Za-z0-9_.]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$`)

func validReference(ref string) bool { return len(ref) <= 512 && imageReference.MatchString(ref) }

// splitReference splits an image reference. A colon after the last slash begins
// the tag; a colon before it begins the registry's port.
func splitReference(ref string) (repository, tag, digest string) {
	repository, digest, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(repository, ':'); i > strings.LastIndexByte(repository, '/') {
		repository, tag = repository[:i], repository[i+1:]
	}
	return repository, tag, digest
}

// Repository returns the repository of an image reference, without tag and
// digest and with Docker Hub's short names expanded: app →
// docker.io/library/app. As in the grammar of
// github.com/distribution/reference, the first part is a registry if it
// contains a dot, a colon or a capital letter or is localhost.
func Repository(ref string) string {
	repository, _, _ := splitReference(ref)
	host, path, found := strings.Cut(repository, "/")
	if !found || !strings.ContainsAny(host, ".:") && host != "localhost" && host == strings.ToLower(host) {
		host, path = "docker.io", repository
	}
	if host == "index.docker.io" || host == "registry-1.docker.io" {
		host = "docker.io"
	}
	if host == "docker.io" && !strings.Contains(path, "/") {
		path = "library/" + path
	}
	return host + "/" + path
}

// imageSetter replaces images and records which replacements were used.
type imageSetter struct {
	images []Image
	used   []bool
	seen   []string           // "container (image)" for every container
	left   []*manifest.Object // for every image, an object without a canary that it matches
}

func newImageSetter(images []Image) imageSetter {
	return imageSetter{images: images, used: make([]bool, len(images)), left: make([]*manifest.Object, len(images))}
}

// apply replaces the images of the containers and init containers of a pod.
func (s *imageSetter) apply(podSpec *manifest.Node) {
	if len(s.images) == 0 {
		return
	}
	for _, list := range []string{"initContainers", "containers"} {
		for _, c := range manifest.Items(podSpec, list) {
			s.container(c)
		}
	}
}

func (s *imageSetter) container(c *manifest.Node) {
	name, image := manifest.GetString(c, "name"), manifest.GetString(c, "image")
	s.seen = append(s.seen, fmt.Sprintf("%s (%s)", name, image))
	chosen := s.choose(c, func(i int) { s.used[i] = true })
	if chosen != nil && image != chosen.Reference {
		manifest.PutString(c, "image", chosen.Reference)
	}
}

// choose returns the image for a container, or nil. The container's name takes precedence
// over a repository. matched is called for every image that matches.
func (s *imageSetter) choose(c *manifest.Node, matched func(i int)) *Image {
	name, image := manifest.GetString(c, "name"), manifest.GetString(c, "image")
	var chosen *Image
	for i := range s.images {
		candidate := &s.images[i]
		if candidate.matches(name, image) {
			matched(i)
			if chosen == nil || candidate.Container != "" {
				chosen = candidate
			}
		}
	}
	return chosen
}

// leave returns the first image of an object without a canary that the user wants to
// replace by another one, and the wanted one.
func (s *imageSetter) leave(o *manifest.Object, podSpec *manifest.Node) (image, wanted string) {
	for _, list := range []string{"initContainers", "containers"} {
		for _, c := range manifest.Items(podSpec, list) {
			chosen := s.choose(c, func(i int) { s.left[i] = o })
			if now := manifest.GetString(c, "image"); wanted == "" && chosen != nil && now != chosen.Reference {
				image, wanted = now, chosen.Reference
			}
		}
	}
	return image, wanted
}

// matches reports whether the image replaces that of a container.
func (i Image) matches(container, image string) bool {
	if i.Container != "" {
		return i.Container == container
	}
	return image != "" && Repository(i.Reference) == Repository(image)
}

// MatchesPod reports whether the image replaces that of a container of a pod.
func (i Image) MatchesPod(podSpec *manifest.Node) bool {
	for _, list := range []string{"initContainers", "containers"} {
		for _, c := range manifest.Items(podSpec, list) {
			if i.matches(manifest.GetString(c, "name"), manifest.GetString(c, "image")) {
				return true
			}
		}
	}
	return false
}

// SetImages replaces the images of the containers and init containers of a pod.
func SetImages(podSpec *manifest.Node, images []Image) {
	setter := newImageSetter(images)
	setter.apply(podSpec)
}

// unused returns an error that names the first replacement that matched
// nothing, or nil. refTo is the method of index.
func (s *imageSetter) unused(refTo func(*manifest.Object) string) error {
	for i, used := range s.used {
		if used {
			continue
		}
		given, what := s.images[i].Reference, "has an image of this repository"
		if s.images[i].Container != "" {
			given, what = s.images[i].Container+"="+given, "has this name"
		}
		if o := s.left[i]; o != nil {
			advice := "--include " + refTo(o) + " makes a canary of it"
			if refTo(o) == "" {
				advice = "a " + o.Kind() + " gets none, so change the image in its manifest"
			}
			return o.Errorf(nil, "--image %s: only containers without a canary have such an image or name; %s", given, advice)
		}
		return fmt.Errorf("--image %s: no container %s; the containers are %s", given, what, strings.Join(s.seen, ", "))
	}
	return nil
}

// CheckImages returns an error if two images are given for the same containers.
func CheckImages(images []Image) error {
	seen := map[string]string{}
	for _, i := range images {
		key := "container " + i.Container
		if i.Container == "" {
			key = "repository " + Repository(i.Reference)
		}
		if first, found := seen[key]; found && first != i.Reference {
			return fmt.Errorf("--image: both %s and %s are given for %s; give one", first, i.Reference, key)
		}
		seen[key] = i.Reference
	}
	return nil
}
