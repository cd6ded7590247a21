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
	r := reader{Options: options, left: manifest.MaxTotalBytes}
	for i, arg := range args {
		if arg == "-" && slices.Contains(args[:i], arg) {
			return nil, errors.New("standard input (-) is named twice; name it once")
		}
		if err := r.argument(ctx, arg); err != nil {
			return nil, err
		}
	}
	objects, err := manifest.Parse(r.sources...)
	if err == nil && len(objects) == 0 {
		return nil, fmt.Errorf("%s: no Kubernetes object in it; pass the manifests of an application: a Deployment and its Service at least", summary(args))
	}
	return objects, err
}

// summary names the first of many arguments.
func summary(args []string) string {
	if len(args) == 1 {
		return args[0]
	}
	return fmt.Sprintf("%s and %d more", args[0], len(args)-1)
}

// reader reads sources until there are no bytes left of the most that is read.
type reader struct {
	Options
	sources []manifest.Source
	left    int
}

func (r *reader) add(name string, data []byte) error {
	if r.left -= len(data); r.left < 0 {
		return manifest.TooLarge(name)
	}
	r.sources = append(r.sources, manifest.Source{Name: name, Data: data})
	return nil
}

func (r *reader) argument(ctx context.Context, arg string) error {
	switch arg {
	case "":
		return errors.New("an argument is empty; pass a FILE, a DIR, or - for standard input (an unset variable?)")
	case "-":
		data, err := wait(ctx, func() ([]byte, error) { return readAll(r.Stdin) })
		if err != nil {
			return named("standard input", err)
		}
		return r.add(arg, data)
	}
	info, err := os.Stat(arg)
	if err != nil {
		return named(arg, err)
	}
	if !info.IsDir() {
		if isKustomization(filepath.Base(arg)) {
			return fmt.Errorf("%s: a kustomization is built from its folder; pass %s", arg, filepath.Dir(arg))
		}
		return r.files(ctx, []string{arg}, readFile)
	}
	if hasKustomization(arg) {
		text, err := wait(ctx, func() ([]byte, error) { return buildKustomization(arg) })
		if err != nil {
			return err
		}
		return r.add(arg+" (built)", text)
	}
	files, err := manifestsIn(arg, r.Recursive)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return noManifests(arg, r.Recursive)
	}
	return r.files(ctx, files, readFound)
}

func noManifests(dir string, recursive bool) error {
	if recursive {
		return fmt.Errorf("%s: no *.yml, *.yaml or *.json in this folder or below it; pass the folder of the manifests", dir)
	}
	return fmt.Errorf("%s: no *.yml, *.yaml or *.json in this folder; -R also reads its subfolders", dir)
}

// named makes an error of the file system or a stream say what it is about,
// once, and what to do.
func named(name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w; check the path, and the folder that you are in", name, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %w; make it readable for the user that runs canarize", name, err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

func (r *reader) files(ctx context.Context, files []string, read func(file string) ([]byte, error)) error {
	for _, file := range files {
		data, err := wait(ctx, func() ([]byte, error) { return read(file) })
		if err != nil {
			return named(file, err)
		}
		if err := r.add(file, data); err != nil {
			return err
		}
	}
	return nil
}

// readFound reads a file that was found, in a folder or by a kustomization, and not
// named by the user. Nobody may ever write into a pipe that lies there, and a device
// may never end.
func readFound(file string) ([]byte, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() && !info.IsDir():
		return nil, fmt.Errorf("it is %s, and of a folder only files are read; take it out, or name it on the command line if its content is meant", sort(info.Mode()))
	}
	return readFile(file)
}

// sort names the kind of a file that is not regular.
func sort(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "no regular file"
}

func readFile(file string) ([]byte, error) {
	f, err := os.Open(file) // of a named pipe: waits for somebody to write into it
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f)
}

// readAll reads at most one byte more than a file may have, so that parsing can
// refuse it.
func readAll(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, manifest.MaxFileBytes+1))
}

// wait returns what read returns, or gives up on it when the context ends:
// reading a terminal or pipe cannot be interrupted otherwise.
func wait(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := read()
		done <- result{data, err}
	}()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case r := <-done:
		if ctx.Err() != nil { // both had happened, and an interruption is not to be lost
			return nil, context.Cause(ctx)
		}
		return r.data, r.err
	}
}

// manifestsIn lists the manifests of a folder, or of one that a link leads to, in
// alphabetical order. Hidden folders are passed over.
func manifestsIn(dir string, recursive bool) ([]string, error) {
	var files []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		full := filepath.Join(dir, filepath.FromSlash(path))
		switch {
		case err != nil:
			return named(full, err)
		case entry.IsDir() && path != "." && (!recursive || strings.HasPrefix(entry.Name(), ".")):
			return fs.SkipDir
		case !entry.IsDir() && isManifest(path):
			files = append(files, full)
		}
		return nil
	})
	return files, err
}

func isManifest(path string) bool {
	return slices.Contains([]string{".yml", ".yaml", ".json"}, filepath.Ext(path))
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
