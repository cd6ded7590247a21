package control

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/canarize/canarize/test/cluster/gateway/envoyconf"
)

// store writes discovery files, each only if its content is new.
type store struct {
	dir string

	mu      sync.Mutex
	written map[string][]byte // by name, as of version ""
	version int
}

// write puts a file into place. The version is "" if the content was already there.
func (s *store) write(f envoyconf.File) (version string, err error) {
	plain, err := f.Encode("")
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if bytes.Equal(s.written[f.Name], plain) {
		return "", nil
	}
	s.version++
	version = strconv.Itoa(s.version)
	content, err := f.Encode(version)
	if err != nil {
		return "", err
	}
	if err := replace(filepath.Join(s.dir, f.Name), content); err != nil {
		return "", err
	}
	s.written[f.Name] = plain
	return version, nil
}

// replace writes a temporary file and moves it into place; the move makes Envoy read it.
func replace(path string, content []byte) error {
	if err := os.WriteFile(path+".new", content, 0o644); err != nil {
		return fmt.Errorf("write for Envoy: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write for Envoy: %w", err)
	}
	return nil
}
