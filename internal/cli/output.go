package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// writeOutput writes to stdout, or to a file, all or nothing: a reader sees the
// old file or the new one.
func writeOutput(file string, text []byte, streams Streams) error {
	if file == "" || file == "-" {
		_, err := streams.Out.Write(text)
		return err
	}
	info, err := os.Stat(file)
	if err == nil && info.IsDir() {
		return fmt.Errorf("-o %s: it is a folder; name a file", file)
	}
	if err == nil && !info.Mode().IsRegular() { // a pipe or device has no old content to keep
		return os.WriteFile(file, text, 0)
	}
	mode := os.FileMode(0o644)
	if err == nil {
		mode = info.Mode().Perm()
	}
	if target, err := filepath.EvalSymlinks(file); err == nil {
		file = target // replace what a link leads to, not the link
	}
	return replaceFile(file, text, mode)
}

func replaceFile(file string, text []byte, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return fmt.Errorf("-o %s: %w", file, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("-o %s: %w", file, errors.Join(err, f.Close(), os.Remove(f.Name())))
		}
	}()
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
