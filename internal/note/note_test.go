package note_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
)

// TestNames checks that every name is unique, in one form, and explained by a sentence.
func TestNames(t *testing.T) {
	form := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	seen := map[note.Name]bool{}
	for _, n := range note.Names() {
		if seen[n] || !form.MatchString(string(n)) {
			t.Errorf("name %q", n)
		}
		if m := n.Meaning(); !strings.HasSuffix(m, ".") || len(m) < 20 {
			t.Errorf("%s: the meaning is %q", n, m)
		}
		if !n.Known() {
			t.Errorf("%s is not known", n)
		}
		seen[n] = true
	}
	if note.Name("other").Known() || note.Name("").Known() || note.Name("other").Meaning() != "" {
		t.Error("an unknown name is known")
	}
}

// TestSort checks the order of notes, and that Accept and Unaccepted agree.
func TestSort(t *testing.T) {
	first, second := object("first"), object("second")
	notes := []note.Note{
		{Level: note.Info, Object: first, Text: "left alone"},
		{Level: note.Warning, Name: note.StableAddress, Object: first},
		{Level: note.Warning, Name: note.SharedClaim, Object: second},
		{Level: note.Warning, Name: note.SharedClaim, Object: first},
		{Level: note.Warning, Name: note.SharedClaim, Object: first},
		{Level: note.Debug, Object: first},
	}
	note.Accept(notes, []note.Name{note.SharedClaim, note.Recreate})
	sorted := note.Sort(notes, []*manifest.Object{first, second})
	var lines []string
	for _, n := range sorted {
		lines = append(lines, n.String())
	}
	want := []string{
		"warning: in.yml:1: first:  (shared-claim, accepted)", "warning: in.yml:1: second:  (shared-claim, accepted)",
		"warning: in.yml:1: first:  (stable-address)", "note: in.yml:1: first: left alone", "debug: in.yml:1: first: ",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("the order is\n%s", strings.Join(lines, "\n"))
	}
	if names := note.Unaccepted(sorted); !slices.Equal(names, []note.Name{note.StableAddress}) {
		t.Errorf("not accepted are %v", names)
	}
}

func object(name string) *manifest.Object {
	root := manifest.NewMap("metadata", manifest.NewMap("name", name))
	return &manifest.Object{Root: root, Pos: manifest.Position{File: "in.yml", Line: 1}}
}
