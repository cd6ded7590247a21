package canary_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest"
)

const zeros = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

// TestRepository checks which references have the same repository, by the
// grammar of github.com/distribution/reference.
func TestRepository(t *testing.T) {
	digest := "@" + zeros
	for want, same := range map[string][]string{
		"docker.io/library/app": {
			"app", "app:1", "app" + digest, "app:1" + digest, "library/app", "docker.io/app", "docker.io/library/app:2", "index.docker.io/app", "index.docker.io/library/app", "registry-1.docker.io/library/app",
		},
		"docker.io/shop/app":             {"shop/app", "docker.io/shop/app:1", "index.docker.io/shop/app"},
		"registry.example.com/app":       {"registry.example.com/app", "registry.example.com/app:1", "registry.example.com/app" + digest},
		"registry.example.com:5000/app":  {"registry.example.com:5000/app", "registry.example.com:5000/app:1", "registry.example.com:5000/app:1" + digest},
		"localhost/app":                  {"localhost/app", "localhost/app:1"},
		"localhost:5000/a/b/app":         {"localhost:5000/a/b/app:1"},
		"registry.example.com/library/x": {"registry.example.com/library/x:v1.0"},
	} {
		for _, ref := range same {
			if got := canary.Repository(ref); got != want {
				t.Errorf("Repository(%s) is %s, want %s", ref, got, want)
			}
		}
	}
}

func TestParseImage(t *testing.T) {
	for text, want := range map[string]canary.Image{
		"app:2":                             {Reference: "app:2"},
		"web=app:2":                         {Container: "web", Reference: "app:2"},
		"registry.example.com:5000/a/b":     {Reference: "registry.example.com:5000/a/b"},
		"w=registry.example.com/a@" + zeros: {Container: "w", Reference: "registry.example.com/a@" + zeros},
	} {
		if got, err := canary.ParseImage(text); err != nil || got != want {
			t.Errorf("ParseImage(%s) is %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "=", "=app", "web=", "app:", "app@", "/app", "app/", "a b", "app\n", `"app"`, "{{ .image }}", "app@sha256", "a:" + strings.Repeat("x", 129)} {
		if got, err := canary.ParseImage(text); err == nil {
			t.Errorf("ParseImage(%q) is %+v", text, got)
		}
	}
}

const containers = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers:
        - {name: migrate, image: "registry.example.com:5000/shop/web:1"}
        - {name: wait, image: busybox}
      containers:
        - {name: main, image: "registry.example.com:5000/shop/web:1"} # ours
        - {name: side, image: "docker.io/library/proxy@sha256:00"}
        - {name: bare}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: worker}
spec:
  selector: {matchLabels: {app: worker}}
  template:
    metadata: {labels: {app: worker}}
    spec: {containers: [{name: worker, image: worker}]}
`

// TestImages checks which containers, init containers included, get which
// image. A container's name takes precedence over a repository.
func TestImages(t *testing.T) {
	stable := []string{"registry.example.com:5000/shop/web:1", "busybox", "registry.example.com:5000/shop/web:1", "docker.io/library/proxy@sha256:00", ""}
	for _, c := range []struct {
		flags string
		want  map[int]string // by index; the others do not change
		err   string
	}{
		{flags: "registry.example.com:5000/shop/web:2", want: map[int]string{0: "registry.example.com:5000/shop/web:2", 2: "registry.example.com:5000/shop/web:2"}},
		{flags: "registry.example.com:5000/shop/web@" + zeros, want: map[int]string{0: "registry.example.com:5000/shop/web@" + zeros, 2: "registry.example.com:5000/shop/web@" + zeros}},
		{flags: "proxy:3", want: map[int]string{3: "proxy:3"}},
		{flags: "main=elsewhere.example.com/other:1", want: map[int]string{2: "elsewhere.example.com/other:1"}},
		{flags: "bare=registry.example.com/bare:1", want: map[int]string{4: "registry.example.com/bare:1"}},
		{flags: "registry.example.com:5000/shop/web:2 migrate=registry.example.com/migrate:2", want: map[int]string{0: "registry.example.com/migrate:2", 2: "registry.example.com:5000/shop/web:2"}},
		{flags: "migrate=registry.example.com/migrate:2 registry.example.com:5000/shop/web:2", want: map[int]string{0: "registry.example.com/migrate:2", 2: "registry.example.com:5000/shop/web:2"}},
		{flags: "busybox:1 index.docker.io/library/proxy:4", want: map[int]string{1: "busybox:1", 3: "index.docker.io/library/proxy:4"}},
		{flags: "registry.example.com/shop/web:2", err: "no container has an image of this repository"},
		{flags: "web=registry.example.com:5000/shop/web:2", err: "no container has this name"},
		{flags: "worker:2", err: "only containers without a canary have such an image or name; --include deployment/worker"},
		{flags: "busybox:1 busybox:2", err: "both busybox:1 and busybox:2 are given"},
		{flags: "main=a main=b", err: "both a and b are given"},
		{flags: "busybox:1 docker.io/busybox:2", err: "both busybox:1 and docker.io/busybox:2"},
	} {
		t.Run(c.flags, func(t *testing.T) {
			got, err := withImages(t, strings.Fields(c.flags))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("the error is %v, want %q", err, c.err)
				}
				return
			}
			want := make([]string, len(stable))
			for i := range stable {
				want[i] = stable[i]
				if image, found := c.want[i]; found {
					want[i] = image
				}
			}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}

// withImages returns the images of the canary's containers.
func withImages(t *testing.T, flags []string) ([]string, error) {
	options := canary.Options{Suffix: "-canary"}
	for _, text := range flags {
		image, err := canary.ParseImage(text)
		if err != nil {
			t.Fatal(err)
		}
		options.Images = append(options.Images, image)
	}
	if err := canary.CheckImages(options.Images); err != nil {
		return nil, err
	}
	result, err := canary.Derive(read(t, "input.yml", containers, "default"), options)
	if err != nil {
		return nil, err
	}
	pod := manifest.Get(result.Derived[0].Canary.Root, "spec", "template", "spec")
	var images []string
	for _, list := range []string{"initContainers", "containers"} {
		for _, c := range manifest.Items(pod, list) {
			images = append(images, manifest.GetString(c, "image"))
		}
	}
	return images, nil
}
