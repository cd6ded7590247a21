package assets

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const modulePath = "github.com/canarize/canarize/test/cluster"

// DefaultStore is the store the environment asks for: CANARIZE_CACHE (by
// default the folder canarize in the user's cache folder) is where the
// binaries are kept, KUBEBUILDER_ASSETS a folder of ready ones.
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

// locate looks for the folder of this module at dir, above it, and in
// test/cluster of each of these; "" when it is nowhere.
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
