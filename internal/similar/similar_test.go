package similar

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestName(t *testing.T) {
	known := []string{"canary-weight", "config", "dry-run", "filename", "force-conflicts", "namespace", "on-cancel", "to", "why"}
	for word, want := range map[string]string{
		"namespcae": "namespace", "name_space": "namespace", "NAMESPACE": "namespace", "namespaces": "namespace",
		"file": "filename", "weight": "canary-weight", "conf": "config", "dryrun": "dry-run", "dry_run": "dry-run", "force": "force-conflicts",
		"oncancel": "on-cancel", "cancel": "on-cancel",
		"": "", "x": "", "ot": "to", "zz": "", "verbose": "", "mapping": "", "hwy": "why", strings.Repeat("a", 1000): "",
	} {
		if got := Name(word, known); got != want {
			t.Errorf("%q: %q instead of %q", word, got, want)
		}
	}
	if got := Name("anything", nil); got != "" {
		t.Errorf("%q of no names", got)
	}
}

// TestOneMistake: one mistake in a longer name is always forgiven, if no other name is
// nearer.
func TestOneMistake(t *testing.T) {
	known := []string{"approve", "calibrate", "deploy", "doctor", "generate", "promote", "status", "simulate", "traffic"}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(known).Draw(t, "name")
		i := rapid.IntRange(0, len(name)-2).Draw(t, "at")
		letter := string(rapid.RuneFrom([]rune("abcxyz-")).Draw(t, "letter"))
		word := rapid.SampledFrom([]string{
			name[:i] + name[i+1:], name[:i] + letter + name[i:], name[:i] + letter + name[i+1:],
			name[:i] + name[i+1:i+2] + name[i:i+1] + name[i+2:],
		}).Draw(t, "word")
		if got := Name(word, known); got != name {
			t.Fatalf("%q: %q instead of %q", word, got, name)
		}
	})
}

// TestSymmetric: distance is a distance.
func TestSymmetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.StringMatching(`[abé]{0,6}`).Draw(t, "a"), rapid.StringMatching(`[abé]{0,6}`).Draw(t, "b")
		d := distance(a, b)
		if d != distance(b, a) || (d == 0) != (a == b) || d > max(len([]rune(a)), len([]rune(b))) {
			t.Fatalf("%q and %q: %d and %d", a, b, d, distance(b, a))
		}
	})
}

func FuzzName(f *testing.F) {
	f.Add("a\xff", "b,c")
	f.Fuzz(func(t *testing.T, word, names string) {
		known := strings.Split(names, ",")
		if got := Name(word, known); got != "" && !slices.Contains(known, got) {
			t.Errorf("%q is not known", got)
		}
	})
}
