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

// store writes discovery files, each only when it says something new.
type store struct {
	dir string

	mu      sync.Mutex
	written map[string][]byte // by name, as of version ""
	version int
}

// write puts a file into place; the version is "" when it was there already.
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

// replace writes a file aside and moves it into place: Envoy reads it at the move.
func replace(path string, content []byte) error {
	if err := os.WriteFile(path+".new", content, 0o644); err != nil {
		return fmt.Errorf("write for Envoy: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write for Envoy: %w", err)
	}
	return nil
}
