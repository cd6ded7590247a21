package assets

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const modulePath = "github.com/canarize/canarize/test/cluster"

// DefaultStore returns the store that the environment selects. CANARIZE_CACHE is the folder
// for the binaries (by default canarize in the user's cache folder), KUBEBUILDER_ASSETS a
// folder with finished ones.
func DefaultStore(getenv func(string) string, workingDir string, log io.Writer) (Store, error) {
	cache := getenv("CANARIZE_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return Store{}, fmt.Errorf("find a folder for the binaries of Kubernetes: %w; set CANARIZE_CACHE", err)
		}
		cache = filepath.Join(user, "canarize")
	}
	cache, err := filepath.Abs(cache)
	if err != nil {
		return Store{}, err
	}
	return Store{
		Dir:       filepath.Join(cache, "k8s-"+KubernetesVersion),
		Source:    locate(workingDir),
		Installed: getenv("KUBEBUILDER_ASSETS"),
		Log:       log,
	}, nil
}

// locate looks for the folder of this module at dir, above it, and in test/cluster of each
// of these. It returns "" if it does not find it.
func locate(dir string) string {
	for {
		for _, candidate := range []string{dir, filepath.Join(dir, "test", "cluster")} {
			b, err := os.ReadFile(filepath.Join(candidate, "go.mod"))
			if err == nil && bytes.HasPrefix(b, []byte("module "+modulePath+"\n")) {
				return candidate
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}
