package deploy

import (
	"context"
	"fmt"

	"github.com/canarize/canarize/test/cluster/assets"
	"github.com/canarize/canarize/test/cluster/image"
	"github.com/canarize/canarize/test/cluster/launch"
	"github.com/canarize/canarize/test/cluster/node"
	"github.com/canarize/canarize/test/cluster/packaged"
)

// Source provides the programs in the images.
type Source struct {
	Store      assets.Store
	Packaged   packaged.Place
	Prometheus string // its path
}

// Sample returns the image of the sample application in a version, named as in manifests/ and
// in the documents.
func Sample(version string) string { return "registry.example.com/app:" + version }

// Build builds and downloads the missing programs.
func (s Source) Build(ctx context.Context) error {
	return s.each(ctx, func(context.Context, image.Image) error { return nil })
}

// Load builds the missing programs, and loads every image of a test cluster into the
// containerd at a socket.
func (s Source) Load(ctx context.Context, socket string) error {
	return s.each(ctx, func(ctx context.Context, i image.Image) error { return image.Load(ctx, socket, i) })
}

// each builds all images, with the sample application in versions 1 and 2, and calls do with
// each as soon as it is built.
func (s Source) each(ctx context.Context, do func(context.Context, image.Image) error) error {
	var things []func(context.Context) error
	for _, make := range []func(context.Context) ([]image.Image, error){
		s.own("pause", node.PauseImage), s.own("dns", "canarize.dev/dns:1"), s.gateway, s.prometheus, s.sample,
	} {
		things = append(things, func(ctx context.Context) error {
			images, err := make(ctx)
			if err != nil {
				return err
			}
			for _, i := range images {
				if err := do(ctx, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return launch.All(ctx, things...)
}

// own builds the image of a program of this repository that needs no other file.
func (s Source) own(folder, name string) func(context.Context) ([]image.Image, error) {
	return func(ctx context.Context) ([]image.Image, error) {
		program, err := s.Store.Own(ctx, folder)
		return []image.Image{image.Of(name, program)}, err
	}
}

// gateway builds the image of the gateway, with Envoy and its libraries.
func (s Source) gateway(ctx context.Context) ([]image.Image, error) {
	program, err := s.Store.Own(ctx, "gateway")
	if err != nil {
		return nil, err
	}
	envoy, err := s.Packaged.Envoy(ctx)
	if err != nil {
		return nil, err
	}
	i := image.Of("canarize.dev/gateway:1", program)
	i.Files["/usr/bin/envoy"] = envoy
	return []image.Image{i}, addLibraries(ctx, i, envoy)
}

func (s Source) prometheus(context.Context) ([]image.Image, error) {
	return []image.Image{image.Of("canarize.dev/prometheus:1", s.Prometheus)}, nil
}

func addLibraries(ctx context.Context, i image.Image, program string) error {
	libraries, err := packaged.Libraries(ctx, program)
	for _, path := range libraries {
		i.Files[path] = path
	}
	return err
}

func (s Source) sample(ctx context.Context) ([]image.Image, error) {
	program, err := s.Store.Own(ctx, "../../app")
	if err != nil {
		return nil, err
	}
	var out []image.Image
	for _, version := range []string{"1", "2"} {
		i := image.Of(Sample(version), program)
		i.Env = []string{fmt.Sprintf("VERSION=%s", version)}
		out = append(out, i)
	}
	return out, nil
}
