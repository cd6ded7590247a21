// Package input turns what a user names on the command line (files, folders,
// standard input, kustomizations) into objects.
package input

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"

	"github.com/canarize/canarize/internal/manifest"
)

// Options say how arguments are read.
type Options struct {
	Recursive bool      // subfolders of a folder too
	Stdin     io.Reader // what "-" reads
}

// Objects reads the objects that args name, in order. The error names the file.
func Objects(ctx context.Context, args []string, options Options) ([]*manifest.Object, error) {
	if len(args) == 0 {
		return nil, errors.New("no input; pass a FILE, a DIR, or - for standard input")
	}
	var sources []manifest.Source
	for _, arg := range args {
		read, err := sourcesOf(ctx, arg, options)
		if err != nil {
			return nil, err
		}
		sources = append(sources, read...)
	}
	objects, err := manifest.Parse(sources...)
	if err == nil && len(objects) == 0 {
		return nil, fmt.Errorf("%s: no Kubernetes object in it", strings.Join(args, ", "))
	}
	return objects, err
}

func sourcesOf(ctx context.Context, arg string, options Options) ([]manifest.Source, error) {
	if arg == "-" {
		data, err := readAll(ctx, options.Stdin)
		return []manifest.Source{{Name: "-", Data: data}}, named("standard input", err)
	}
	info, err := os.Stat(arg)
	if err != nil {
		return nil, named(arg, err)
	}
	if !info.IsDir() {
		if isKustomization(filepath.Base(arg)) {
			return nil, fmt.Errorf("%s: a kustomization is built from its folder; pass %s", arg, filepath.Dir(arg))
		}
		return readFiles(ctx, []string{arg})
	}
	if hasKustomization(arg) {
		return buildKustomization(arg)
	}
	files, err := manifestsIn(arg, options.Recursive)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no *.yml, *.yaml or *.json in this folder; -R also reads its subfolders", arg)
	}
	return readFiles(ctx, files)
}

// named makes an error of the file system or a stream say what it is about, once.
func named(name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

func readFiles(ctx context.Context, files []string) ([]manifest.Source, error) {
	sources := make([]manifest.Source, 0, len(files))
	for _, file := range files {
		data, err := readFile(ctx, file)
		if err != nil {
			return nil, named(file, err)
		}
		sources = append(sources, manifest.Source{Name: file, Data: data})
	}
	return sources, nil
}

func readFile(ctx context.Context, file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(ctx, f)
}

// readAll reads at most one byte more than a file may have, so that parsing can
// refuse it, and gives up when the context ends.
func readAll(ctx context.Context, r io.Reader) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := io.ReadAll(io.LimitReader(r, manifest.MaxFileBytes+1))
		done <- result{data, err}
	}()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case r := <-done:
		return r.data, r.err
	}
}

// manifestsIn lists the manifests of a folder in alphabetical order. Hidden
// folders are passed over.
func manifestsIn(dir string, recursive bool) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return named(path, err)
		case entry.IsDir() && path != dir && (!recursive || strings.HasPrefix(entry.Name(), ".")):
			return fs.SkipDir
		case !entry.IsDir() && slices.Contains([]string{".yml", ".yaml", ".json"}, filepath.Ext(path)):
			files = append(files, path)
		}
		return nil
	})
	return files, err
}

func isKustomization(name string) bool {
	return slices.Contains(konfig.RecognizedKustomizationFileNames(), name)
}

func hasKustomization(dir string) bool {
	return slices.ContainsFunc(konfig.RecognizedKustomizationFileNames(), func(name string) bool {
		info, err := os.Stat(filepath.Join(dir, name))
		return err == nil && !info.IsDir()
	})
}
