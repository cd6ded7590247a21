package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// checkOutput checks the -o of generate before anything is read.
func checkOutput(file string, given bool) error {
	if given && file == "" {
		return errors.New("-o: the name of the file is empty; name a file, or leave -o out")
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return fmt.Errorf("-o %s: it is a folder; name a file", file)
	}
	return nil
}

// writeOutput writes to stdout, or to a file, all or nothing: a reader sees the
// old file or the new one. An error names the flag.
func writeOutput(flag, file string, text []byte, streams Streams) error {
	if file == "" || file == "-" {
		_, err := streams.Out.Write(text)
		return outside(err)
	}
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() { // a pipe or device has no old content to keep
		return outside(named(flag, file, os.WriteFile(file, text, 0)))
	}
	var keep *os.FileMode
	if err == nil {
		mode := info.Mode().Perm()
		keep = &mode
	}
	target := file // replace what a link leads to, not the link
	if resolved, err := filepath.EvalSymlinks(file); err == nil {
		target = resolved
	} else if link, err := os.Readlink(file); err == nil {
		target = link
		if !filepath.IsAbs(link) {
			target = filepath.Join(filepath.Dir(file), link)
		}
	}
	return outside(named(flag, file, replaceFile(target, text, keep)))
}

// named makes an error of the file system say which file the user named and
// what to do, instead of which temporary file it was about.
func named(flag, file string, err error) error {
	var path *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &path):
		err = path.Err
	}
	if _, missing := os.Stat(filepath.Dir(file)); errors.Is(missing, fs.ErrNotExist) {
		err = fmt.Errorf("the folder %s does not exist; make it first", filepath.Dir(file))
	}
	return fmt.Errorf("%s %s: %w; nothing was written", flag, file, err)
}

// replaceFile writes a file beside the one that is meant and renames it. A new
// file has the permissions that the umask leaves: the text may be a Secret.
func replaceFile(file string, text []byte, mode *os.FileMode) (err error) {
	name := filepath.Join(filepath.Dir(file), ".canarize."+rand.Text())
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreClosed(f.Close()), os.Remove(f.Name()))
		}
	}()
	if _, err := f.Write(text); err != nil {
		return err
	}
	if mode != nil {
		if err := f.Chmod(*mode); err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}

func ignoreClosed(err error) error {
	if errors.Is(err, fs.ErrClosed) {
		return nil
	}
	return err
}
