package rollout

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// HistorySchema is the version of the stored History. A History of another version is
// neither read nor changed.
const HistorySchema = 1

// Bounds of a stored History. The oldest releases are dropped first. MaxKeptBytes leaves
// room for the State and the Plan in the 1 MiB of a ConfigMap, and one release always
// fits.
const (
	MaxKept      = 50
	MaxKeptBytes = 32 << 10

	maxKeptText   = 300 // bytes per sentence
	maxKeptName   = 200 // bytes per image, address or name
	maxKeptImages = 6
)

// History holds the releases of one name that are over, oldest first.
type History struct {
	Schema   int    `json:"schema"`
	Releases []Past `json:"releases"`
}

// Truth says whether a decision turned out right or wrong.
type Truth string

// The truths.
const (
	Right Truth = "right"
	Wrong Truth = "wrong"
)

// Mark is the later truth about a decision, and who said so.
type Mark struct {
	Truth Truth     `json:"truth"`
	Why   string    `json:"why,omitempty"`
	By    string    `json:"by,omitempty"` // the user name known to the API server; "" if unknown
	At    time.Time `json:"at"`
}

// same reports whether another mark adds nothing.
func (m *Mark) same(other *Mark) bool {
	if m == nil || other == nil {
		return m == other
	}
	return m.Truth == other.Truth && (other.Why == "" || m.Why == other.Why)
}

// CurrentNumber returns the number of the release; 0 if there is none. Earlier versions
// of canarize did not number releases: the one they left counts as the first.
func (s State) CurrentNumber() int {
	if s.Phase == None {
		return 0
	}
	return max(s.Number, 1)
}

// nextNumber returns the number of the release after this one.
func (s State) nextNumber() int { return min(s.CurrentNumber(), math.MaxInt32-1) + 1 }

// Over reports whether the release is over.
func (s State) Over() bool { return s.Phase == Promoted || s.Phase == Rejected }

// ParseHistory reads a stored History; an empty text is an empty History. Others may have
// written it, so it refuses what canarize never writes.
func ParseHistory(text []byte) (History, error) {
	h := History{Schema: HistorySchema}
	if len(text) == 0 {
		return h, nil
	}
	var version struct{ Schema int }
	err := json.Unmarshal(text, &version)
	if err == nil && version.Schema != HistorySchema {
		err = fmt.Errorf("it has version %d, but this canarize reads version %d", version.Schema, HistorySchema)
	}
	if err == nil {
		err = json.Unmarshal(text, &h)
	}
	if err == nil {
		err = h.check()
	}
	if err != nil {
		return History{}, &Refusal{Code: RefusedHistory, Err: err}
	}
	return h, nil
}

// check returns an error if canarize never writes this History.
func (h History) check() error {
	last := 0
	for _, e := range h.Releases {
		switch {
		case e.Number <= last || e.Number > math.MaxInt32:
			return fmt.Errorf("release %d follows release %d", e.Number, last)
		case e.Ending != Promoted && e.Ending != Rejected && e.Ending != Superseded:
			return fmt.Errorf("release %d: the ending is %q", e.Number, clip(string(e.Ending)))
		case e.Most < 0 || e.Most > 100:
			return fmt.Errorf("release %d: the largest weight is %d %%", e.Number, e.Most)
		case e.Cost != nil && (e.Cost.Bad < 0 || e.Cost.Extra < 0 || e.Cost.Requests < 0):
			return fmt.Errorf("release %d: a number of requests is negative", e.Number)
		case e.Mark != nil && e.Mark.Truth != Right && e.Mark.Truth != Wrong:
			return fmt.Errorf("release %d: the mark is %q", e.Number, clip(string(e.Mark.Truth)))
		}
		last = e.Number
	}
	return nil
}

// Remember returns the stored history after a State is replaced by the next one. It adds
// the release that ended by that. A History that cannot be read stays as it is: it may be
// of a newer canarize. Remembering something twice changes nothing, so that a write can be
// repeated after somebody marked a release.
func Remember(stored []byte, before, after State) []byte {
	followed := before.Phase != None && before.CurrentNumber() != after.CurrentNumber()
	if !followed && !after.Over() {
		return stored
	}
	h, err := ParseHistory(stored)
	if err != nil {
		return stored
	}
	if followed {
		h.add(PastOf(before, after.Started))
	}
	if after.Over() {
		h.add(PastOf(after, after.Started))
	}
	text, err := h.Pack()
	if err != nil {
		return stored
	}
	return text
}

// HistoryOf returns the stored History with the release of a State, if that is over.
// Earlier versions of canarize stored only the State.
func HistoryOf(stored []byte, s State) (History, error) {
	h, err := ParseHistory(stored)
	if err == nil && s.Over() {
		h.add(PastOf(s, s.Started))
	}
	return h, err
}

// add adds a release, in the order of the numbers, unless it is there already.
func (h *History) add(e Past) {
	at, found := h.index(e.Number)
	switch {
	case found && h.Releases[at].Began.Equal(e.Began):
	case found:
		h.Releases[at] = e
	default:
		h.Releases = slices.Insert(h.Releases, at, e)
	}
}

func (h History) index(number int) (at int, found bool) {
	return slices.BinarySearchFunc(h.Releases, number, func(e Past, n int) int { return cmp.Compare(e.Number, n) })
}

// Pack returns the History in the form that is stored, without the oldest releases if
// there are too many.
func (h History) Pack() ([]byte, error) {
	h.Schema = HistorySchema
	h.Releases = h.Releases[max(0, len(h.Releases)-MaxKept):]
	for {
		text, err := json.Marshal(h)
		if err != nil || len(text) <= MaxKeptBytes || len(h.Releases) == 1 {
			return text, err
		}
		h.Releases = h.Releases[1:]
	}
}

// Find returns a release that is over; 0 is the last one. It returns a Refusal if the
// release is not over, or no longer kept.
func (h History) Find(number int, now State) (Past, error) {
	last := len(h.Releases) - 1
	if number == 0 && last >= 0 {
		return h.Releases[last], nil
	}
	if at, found := h.index(number); found {
		return h.Releases[at], nil
	}
	refusal := &Refusal{Code: RefusedNotKept, Number: number, Phase: now.Phase, Current: now.CurrentNumber()}
	if number == 0 || number >= now.CurrentNumber() {
		refusal.Code = RefusedNotOver
	}
	if last >= 0 {
		refusal.Kept = [2]int{h.Releases[0].Number, h.Releases[last].Number}
	}
	return Past{}, refusal
}

// WithMark returns the History with the mark of a release, and whether that changed
// anything. nil removes the mark.
func (h History) WithMark(number int, mark *Mark) (marked History, changed bool) {
	at, found := h.index(number)
	if !found || h.Releases[at].Mark.same(mark) {
		return h, false
	}
	if mark != nil {
		bounded := *mark
		bounded.Why, bounded.By, bounded.At = kept(clip(mark.Why), maxKeptText), keptName(mark.By), mark.At.UTC()
		mark = &bounded
	}
	h.Releases = slices.Clone(h.Releases)
	h.Releases[at].Mark = mark
	return h, true
}

// Sentence says what the decision turned out to be, who said so, and why.
func (m Mark) Sentence() string {
	by := ""
	if m.By != "" {
		by = " by " + m.By
	}
	text := fmt.Sprintf("the decision was %s, said%s at %s", m.Truth, by, m.At.UTC().Format("2006-01-02 15:04:05 UTC"))
	if m.Why != "" {
		text += ": " + strings.TrimSuffix(m.Why, ".")
	}
	return text
}
