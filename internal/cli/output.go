package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// checkOutput checks -o before any input is read.
func checkOutput(file string, given bool) error {
	if given && file == "" {
		return errors.New("-o: the file name is empty; pass a file, or omit -o")
	}
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return fmt.Errorf("-o %s: this is a folder; pass a file", file)
	}
	return nil
}

// writeOutput writes to stdout or a file. It replaces a file atomically: a reader sees
// the old or the new content. Errors name the flag.
func writeOutput(flag, file string, text []byte, streams Streams) error {
	if file == "" || file == "-" {
		_, err := streams.Out.Write(text)
		return outside(err)
	}
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() { // pipes and devices cannot be replaced
		return outside(named(flag, file, os.WriteFile(file, text, 0)))
	}
	var keep *os.FileMode
	if err == nil {
		mode := info.Mode().Perm()
		keep = &mode
	}
	target := file // replace the target of a link, not the link
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

// named makes a file system error name the user's file instead of the temporary one, and
// say what to do.
func named(flag, file string, err error) error {
	var path *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &path):
		err = path.Err
	}
	if _, missing := os.Stat(filepath.Dir(file)); errors.Is(missing, fs.ErrNotExist) {
		err = fmt.Errorf("the folder %s does not exist; create it first", filepath.Dir(file))
	}
	return fmt.Errorf("%s %s: %w; nothing was written", flag, file, err)
}

// replaceFile writes a temporary file beside the file and renames it. A new file gets the
// permissions of the umask, because the text may contain a Secret.
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
