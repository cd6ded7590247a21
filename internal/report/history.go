package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/canarize/canarize/internal/rollout"
)

// Histories are the releases of several names. Their JSON form is a contract with
// programs; it can be stored and parsed again.
type Histories struct {
	Histories []History `json:"histories"`
}

// History holds the releases of one name that are over.
type History struct {
	Release   string `json:"release"`
	Namespace string `json:"namespace"`
	// Phase and Held are of the present release.
	Phase rollout.Phase `json:"phase"`
	Held  bool          `json:"held,omitempty"`
	// Dropped is how many releases came before the oldest one that is kept.
	Dropped  int            `json:"dropped"`
	Releases []rollout.Past `json:"releases"` // newest first
}

// HistoryOf returns the history of a name.
func HistoryOf(namespace, name string, h rollout.History, now rollout.State) History {
	out := History{Namespace: namespace, Release: name, Phase: now.Phase, Held: now.Held != "", Releases: slices.Clone(h.Releases)}
	slices.Reverse(out.Releases)
	if n := len(out.Releases); n > 0 {
		out.Dropped = out.Releases[n-1].Number - 1
	} else {
		out.Releases = []rollout.Past{}
	}
	return out
}

// ParseHistories reads histories in their JSON form.
func ParseHistories(text []byte) (Histories, error) {
	var h Histories
	switch err := json.Unmarshal(text, &h); {
	case err != nil:
		return Histories{}, fmt.Errorf("the file holds no histories: %w", err)
	case h.Histories == nil:
		return Histories{}, errors.New("the file holds no histories")
	}
	return h, nil
}

// span returns when the first of the releases began and the last ended.
func (h Histories) span() (first, last time.Time) {
	for _, name := range h.Histories {
		for _, e := range name.Releases {
			if first.IsZero() || e.Began.Before(first) {
				first = e.Began
			}
			if e.Ended.After(last) {
				last = e.Ended
			}
		}
	}
	return first, last
}
