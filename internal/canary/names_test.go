package canary_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/canary"
)

func TestWithSuffix(t *testing.T) {
	long := strings.Repeat("x", 63)
	for _, c := range []struct {
		name, suffix string
		limit        int
		want         string
	}{
		{"web", "-canary", 63, "web-canary"},
		{"", "-canary", 63, "canary"}, // a label without a value
		{"v1.2_x", "-canary", 63, "v1.2_x-canary"},
		{long[:56], "-canary", 63, long[:56] + "-canary"},
		{long[:57], "-canary", 63, long[:47] + "-canary-2d328365"},
		{long, "-canary", 63, long[:47] + "-canary-618d4ea9"},
		{long[:46] + "." + long[:10], "-canary", 63, long[:46] + "-canary-232a7a43"}, // no dot in front of the dash
	} {
		if got := canary.WithSuffix(c.name, c.suffix, c.limit); got != c.want {
			t.Errorf("WithSuffix(%q, %q, %d) is %q, want %q", c.name, c.suffix, c.limit, got, c.want)
		}
	}
}

func TestParseSuffix(t *testing.T) {
	for text, want := range map[string]string{"-canary": "-canary", "canary": "-canary", "2": "-2", "-a-b": "-a-b", strings.Repeat("x", 31): "-" + strings.Repeat("x", 31)} {
		if got, err := canary.ParseSuffix(text); err != nil || got != want {
			t.Errorf("ParseSuffix(%q) is %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-", "--", "A", "a_b", "a.b", "-a-", "a b", "é", strings.Repeat("x", 32)} {
		if got, err := canary.ParseSuffix(text); err == nil {
			t.Errorf("ParseSuffix(%q) is %q", text, got)
		}
	}
}

var (
	labelName     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	subdomainName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	anyLabelValue = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`)
)

// TestWithSuffixLaws checks that a valid name with a valid suffix is a valid
// name of the same kind within the limit, and that different names stay
// different.
func TestWithSuffixLaws(t *testing.T) {
	for _, kind := range []struct {
		name    string
		pattern *regexp.Regexp
		draw    string
		limit   int
	}{
		{"label", labelName, `[a-z]([-a-z0-9]{0,61}[a-z0-9])?`, 63},
		{"subdomain", subdomainName, `[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?){0,3}`, 253},
		{"value", anyLabelValue, `[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?`, 63},
	} {
		t.Run(kind.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				suffix, err := canary.ParseSuffix(rapid.StringMatching(`-?[a-z0-9]([-a-z0-9]{0,28}[a-z0-9])?`).Draw(t, "suffix"))
				if err != nil {
					t.Fatal(err)
				}
				name, other := rapid.StringMatching(kind.draw).Draw(t, "name"), rapid.StringMatching(kind.draw).Draw(t, "other")
				if rapid.Bool().Draw(t, "alike?") { // long names that differ at the end
					other = name[:len(name)-1] + string('a'+(name[len(name)-1]-'a'+1)%26)
				}
				got := canary.WithSuffix(name, suffix, kind.limit)
				if len(got) > kind.limit || !kind.pattern.MatchString(got) {
					t.Fatalf("%q with %q is %q", name, suffix, got)
				}
				if again := canary.WithSuffix(other, suffix, kind.limit); other != name && again == got {
					t.Fatalf("%q and %q are both %q", name, other, got)
				}
			})
		})
	}
}

// TestNamesThatControllersCanUse checks that a canary's name leaves room for
// what its controller appends.
func TestNamesThatControllersCanUse(t *testing.T) {
	for kind, limit := range map[string]int{"Deployment": 242, "StatefulSet": 52, "DaemonSet": 253} {
		name := strings.Repeat("x", limit)
		text := strings.NewReplacer("REPLICAS", "", "kind: Deployment\nmetadata: {name: web}", "kind: "+kind+"\nmetadata: {name: "+name+"}").Replace(application)
		result, err := canary.Derive(read(t, "input.yml", text, "default"), canary.Options{Suffix: "-canary", Include: []canary.WorkloadRef{{Kind: kind, Name: name}}})
		if err != nil {
			t.Fatal(err)
		}
		if got := result.Derived[0].Canary.Name(); len(got) != limit || !strings.Contains(got, "x-canary-") {
			t.Errorf("%s: %d characters: %s", kind, len(got), got)
		}
	}
}
