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

// Plan holds the objects of a release as decoded JSON: those of the new version and the
// canary's, which were derived from them. It is stored beside the State, so that a
// promotion needs no files and applies exactly what was tested.
type Plan struct {
	Stable    []map[string]any `json:"stable"` // the new version, in the order of the input
	Canary    []map[string]any `json:"canary"` // routes last and at weight 0
	Workloads []Workload       `json:"workloads"`
	Routes    []Route          `json:"routes"`
	// Services pairs the stable Services with the canary's.
	Services []Pair `json:"services,omitempty"`
	// Configs pairs the stable ConfigMaps and Secrets with the canary's copies.
	Configs []Pair `json:"configs,omitempty"`
	// Warnings are what the derivation of the canary found in the manifests.
	Warnings []Warning `json:"warnings,omitempty"`
}

// Objects returns the identities of the canary's objects.
func (p Plan) Objects() []manifest.ID {
	ids := make([]manifest.ID, len(p.Canary))
	for i, o := range p.Canary {
		ids[i] = object.ID(o)
	}
	return ids
}

// Images returns the images of the canary's workloads, in the order of the manifests.
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

// ImagesOf returns the images of a workload's containers.
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

// Route is a stable route and its canary. The stable object may be a Service whose
// annotation holds a route with the given name. If the canary's route is a part of the
// stable object, Stable and Canary are equal.
type Route struct {
	Pair
	Name      string `json:"name"`
	TimeoutMS int    `json:"timeoutMS"`        // the timeout of a request
	Router    string `json:"router,omitempty"` // "" is route.Default, the first router there was
	// Target is the gateway's name for where the canary's requests go, by which a share is
	// found after the canary's route was deleted. It is "" if unknown, as in plans of
	// earlier versions.
	Target string `json:"target,omitempty"`
}

// Inside reports whether the canary's route is a part of the stable object.
func (r Route) Inside() bool { return r.Stable == r.Canary }

// Workload is a stable workload and its canary.
type Workload struct {
	Pair
	// Scaler is the canary's HorizontalPodAutoscaler; empty if it has none.
	Scaler   manifest.ID `json:"scaler"`
	Replicas Replicas    `json:"replicas"`
}

// Replicas says how many canary pods a share needs. The zero value follows the weight.
type Replicas struct {
	Same bool `json:"same,omitempty"` // as many as stable
	N    int  `json:"n,omitempty"`    // a fixed number, if not 0
}

// For returns the number of canary pods for a weight in percent, given the number of
// stable pods: ceil(stable × weight / 100), at least 1, unless the user chose otherwise.
func (r Replicas) For(stable, weight int) int {
	switch {
	case r.N > 0:
		return r.N
	case r.Same:
		return max(1, stable)
	}
	return max(1, (stable*weight+99)/100)
}

// Digest returns the SHA-256 of the JSON of values. The order of keys does not matter.
func Digest(values ...any) (string, error) {
	text, err := json.Marshal(values)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// maxPlan bounds a stored plan, compressed: the API server accepts objects of up to 1.5
// MiB and ConfigMaps with up to 1 MiB of data, of which 124 KiB are for the State.
// maxUnpacked bounds it after decompression.
const (
	maxPlan     = 900<<10 - MaxKeptBytes
	maxUnpacked = 64 << 20
)

// Pack returns the plan in the form that is stored: compressed, and without the content
// of Secrets. That content stays in the canary's Secrets.
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
		return nil, fmt.Errorf("the manifests are too large to store in the cluster: %d KiB compressed, and the limit is %d KiB; release fewer applications at once", out.Len()>>10, maxPlan>>10)
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
		return Plan{}, fmt.Errorf("the stored plan is damaged: it unpacks to more than %d MiB", maxUnpacked>>20)
	}
	var p Plan
	if err := kjson.Unmarshal(text, &p); err != nil { // keeps integers as integers
		return Plan{}, fmt.Errorf("the stored plan is damaged: %w", err)
	}
	return p, nil
}
