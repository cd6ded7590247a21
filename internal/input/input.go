// Package input reads the objects that command-line arguments name: files, folders,
// kustomizations and standard input.
package input

import (
	"bytes"
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

// Options configures Objects.
type Options struct {
	Recursive bool      // also read the subfolders of folders
	Stdin     io.Reader // source of the argument "-"
	// Note, if not nil, is called with every message of kustomize, a line that begins
	// with the file or folder. It is not called after Objects has returned.
	Note func(line string)
}

// Objects reads the objects that args name, in that order. An error names the file.
func Objects(ctx context.Context, args []string, options Options) ([]*manifest.Object, error) {
	if len(args) == 0 {
		return nil, errors.New("no input; pass a FILE, a DIR, or - for standard input")
	}
	r := reader{Options: options, left: manifest.MaxTotalBytes}
	for i, arg := range args {
		if arg == "-" && slices.Contains(args[:i], arg) {
			return nil, errors.New("standard input (-) is given twice; give it once")
		}
		if err := r.argument(ctx, arg); err != nil {
			return nil, err
		}
	}
	objects, err := manifest.Parse(r.sources...)
	if err == nil && len(objects) == 0 {
		return nil, fmt.Errorf("%s: contains no Kubernetes object; pass the manifests of an application, at least a Deployment and its Service", summary(args))
	}
	return objects, err
}

// summary describes many arguments by the first.
func summary(args []string) string {
	if len(args) == 1 {
		return args[0]
	}
	return fmt.Sprintf("%s and %d more", args[0], len(args)-1)
}

// reader reads sources up to a total size.
type reader struct {
	Options
	sources []manifest.Source
	left    int // bytes that may still be read
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
		data, err := wait(ctx, func() ([]byte, error) { return readAll(r.Stdin, 0) })
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
			return fmt.Errorf("%s: this file defines a kustomization; pass its folder, %s", arg, filepath.Dir(arg))
		}
		return r.files(ctx, []string{arg}, readFile)
	}
	if hasKustomization(arg) {
		said := newSaid(r.Note)
		text, err := wait(ctx, func() ([]byte, error) { return buildKustomization(arg, said) })
		if err == nil {
			said.tell()
		}
		said.end()
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
		return fmt.Errorf("%s: no *.yml, *.yaml or *.json in this folder or its subfolders; pass the folder of the manifests", dir)
	}
	return fmt.Errorf("%s: no *.yml, *.yaml or *.json in this folder; use -R to read its subfolders too", dir)
}

// named makes an error of the file system or of a stream name its source once, and say
// what to do.
func named(name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w; check the path and the current folder", name, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %w; make it readable for the user who runs canarize", name, err)
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

// readFound reads a file that the user did not name: one found in a folder or by a
// kustomization. It refuses pipes and devices, because reading them may never end.
func readFound(file string) ([]byte, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() && !info.IsDir():
		return nil, fmt.Errorf("this is %s, and canarize reads only regular files in a folder; remove it, or name it on the command line to read it", fileType(info.Mode()))
	}
	return readFile(file)
}

// fileType names the type of a file that is not regular.
func fileType(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "not a regular file"
}

func readFile(file string) ([]byte, error) {
	f, err := os.Open(file) // blocks on a named pipe until a writer opens it
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return readAll(f, info.Size())
}

// readAll reads at most one byte more than manifest.MaxFileBytes, so that parsing can
// refuse a larger file. size is the expected one, or 0.
func readAll(r io.Reader, size int64) ([]byte, error) {
	var text bytes.Buffer
	text.Grow(int(min(size, manifest.MaxFileBytes)) + bytes.MinRead)
	_, err := text.ReadFrom(io.LimitReader(r, manifest.MaxFileBytes+1))
	return text.Bytes(), err
}

// wait returns the result of read, or the cause of ctx if that ends first: nothing else
// can interrupt a read of a terminal or pipe.
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
		if ctx.Err() != nil { // both happened; the interruption counts
			return nil, context.Cause(ctx)
		}
		return r.data, r.err
	}
}

// manifestsIn returns the manifests in a folder in alphabetical order. It follows links
// to files and skips hidden folders.
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
