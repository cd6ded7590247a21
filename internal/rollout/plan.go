package rollout

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	kjson "k8s.io/apimachinery/pkg/util/json"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/object"
	"github.com/canarize/canarize/internal/redact"
)

// Plan is what a release consists of: the new version's objects and the canary
// derived from them, as decoded JSON. It is stored with the State, so that a
// promotion needs no files and replaces stable by what was tested.
type Plan struct {
	Stable    []map[string]any `json:"stable"` // in the order of the input
	Canary    []map[string]any `json:"canary"` // routes last and at weight 0
	Workloads []Workload       `json:"workloads"`
	Routes    []Route          `json:"routes"`
	// Services are the canary's Services, beside the stable ones.
	Services []Pair `json:"services,omitempty"`
	// Configs are the canary's ConfigMaps and Secrets, beside the stable ones.
	Configs []Pair `json:"configs,omitempty"`
}

// Objects are the identities of everything made for the canary.
func (p Plan) Objects() []manifest.ID {
	ids := make([]manifest.ID, len(p.Canary))
	for i, o := range p.Canary {
		ids[i] = object.ID(o)
	}
	return ids
}

// Images are what the containers of the canary's workloads run, in the order of
// the manifests.
func (p Plan) Images() []Image {
	var images []Image
	for _, w := range p.Workloads {
		for _, o := range p.Canary {
			if object.ID(o) == w.Canary {
				images = append(images, ImagesOf(w.Stable, o)...)
			}
		}
	}
	return images
}

// ImagesOf are what the containers of a workload run.
func ImagesOf(workload manifest.ID, o map[string]any) []Image {
	var images []Image
	for _, list := range []string{"initContainers", "containers"} {
		containers, _ := object.PodSpec(o)[list].([]any)
		for _, c := range containers {
			container, _ := c.(map[string]any)
			name, _ := container["name"].(string)
			image, _ := container["image"].(string)
			images = append(images, Image{Workload: workload, Container: name, Image: bounded(image)})
		}
	}
	return images
}

// Pair is a stable object and its canary.
type Pair struct {
	Stable manifest.ID `json:"stable"`
	Canary manifest.ID `json:"canary"`
}

// Route is a stable route and its canary's. The stable object may be a Service that
// carries the route of the given name in its annotation. A route of the canary that is a
// part of the stable object has the same name as that.
type Route struct {
	Pair
	Name      string `json:"name"`
	TimeoutMS int    `json:"timeoutMS"`        // how long a request may take
	Router    string `json:"router,omitempty"` // "" is Emissary, the first there was
}

// Inside says whether the canary's route is a part of the stable object.
func (r Route) Inside() bool { return r.Stable == r.Canary }

// Workload is a stable workload and its canary.
type Workload struct {
	Pair
	// Scaler is the canary's HorizontalPodAutoscaler; empty when it has none.
	Scaler   manifest.ID `json:"scaler"`
	Replicas Replicas    `json:"replicas"`
}

// Replicas says how many canary pods a share needs. The zero value follows the
// weight.
type Replicas struct {
	Same bool `json:"same,omitempty"` // as many as stable
	N    int  `json:"n,omitempty"`    // this many, when not 0
}

// For is the number of pods for a share in percent, beside a number of stable
// pods: ceil(stable × weight / 100) and at least 1, unless the user chose.
func (r Replicas) For(stable, weight int) int {
	switch {
	case r.N > 0:
		return r.N
	case r.Same:
		return max(1, stable)
	}
	return max(1, (stable*weight+99)/100)
}

// Digest is a fingerprint of values: SHA-256 of their JSON, in which the order
// of keys does not matter.
func Digest(values ...any) (string, error) {
	text, err := json.Marshal(values)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// maxPlan bounds a stored plan. The API server takes objects of at most 1.5 MiB
// and a ConfigMap 1 MiB of data.
const (
	maxPlan     = 900 << 10
	maxUnpacked = 64 << 20
)

// Pack is the plan as it is stored: compressed, and without the content of
// Secrets, which stays in the canary's Secrets.
func (p Plan) Pack() ([]byte, error) {
	p.Stable, p.Canary = redact.Objects(p.Stable), redact.Objects(p.Canary)
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(text); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	if out.Len() > maxPlan {
		return nil, fmt.Errorf("the manifests are too large to be remembered in the cluster: %d KiB compressed, and %d KiB is the most; release fewer applications at once", out.Len()>>10, maxPlan>>10)
	}
	return out.Bytes(), nil
}

// Unpack reads a stored plan.
func Unpack(packed []byte) (Plan, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return Plan{}, fmt.Errorf("the stored plan is damaged: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(z, maxUnpacked+1))
	if err != nil {
		return Plan{}, fmt.Errorf("the stored plan is damaged: %w", err)
	}
	if len(text) > maxUnpacked {
		return Plan{}, fmt.Errorf("the stored plan is damaged: it is larger than any plan can be")
	}
	var p Plan
	if err := kjson.Unmarshal(text, &p); err != nil { // whole numbers stay whole
		return Plan{}, fmt.Errorf("the stored plan is damaged: %w", err)
	}
	return p, nil
}
