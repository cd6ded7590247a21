package model_test

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/route/emissary/model"
)

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]string{
		"3.9.1": "3.9.1", "v4.2.0": "4.2.0", "4.2.0-rc.1": "4.2.0", "4.1": "4.1.0", "4": "4.0.0", "v3.10.0-dirty": "3.10.0",
		"4.2.0+build.7": "4.2.0", "4.2.0rc1": "4.2.0", "10.20.30.40": "10.20.30", "4.2-rc1": "4.2.0", "v4-beta": "4.0.0",
	} {
		if v, err := model.ParseVersion(text); err != nil || v.String() != want {
			t.Errorf("%q: %s, %v, expected %s", text, v, err, want)
		}
	}
	for _, text := range []string{"", "v", "latest", "4.", "4.x", "4.1.", "-1", "4,1", " 4.1", "4.1 ", "99999.1", "4.2-", "4.2.0-", "4.2.0.", "4x", "4.2x", "4.1.00000", "0", "0.0.0-dev", "v4.2.0-rc\n"} {
		if v, err := model.ParseVersion(text); err == nil {
			t.Errorf("%q: %s, expected an error", text, v)
		} else if !strings.Contains(err.Error(), "such as 4.1") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if v := (model.Version{}); v.String() != "4.1.0" || v.Compare(model.Newest()) != 0 {
		t.Errorf("the zero version is %s", v)
	}
}

func TestImageVersion(t *testing.T) {
	for image, want := range map[string]string{
		"docker.io/emissaryingress/emissary:3.10.0":               "3.10.0",
		"ghcr.io/emissary-ingress/emissary:4.2.0-rc.1":            "4.2.0",
		"quay.io/datawire/aes:v3.11.1@sha256:0":                   "3.11.1",
		"registry.example.com:5000/mirror/emissary-ingress:4.1.0": "4.1.0",
		"ambassador:2.5":    "2.5.0",
		"emissary":          "", // latest
		"emissary@sha256:0": "",
		"emissary:latest":   "",
		"registry.example.com/emissary:5000/other:4.1.0": "",
		"registry.example.com/not-emissary:4.1.0":        "",
		"": "",
	} {
		v, known := model.ImageVersion(image)
		if known != (want != "") || known && v.String() != want {
			t.Errorf("%q: %s, %v, expected %q", image, v, known, want)
		}
	}
}

func tcp(name string, weight any) map[string]any {
	spec := map[string]any{"port": 9000, "service": name}
	if weight != nil {
		spec["weight"] = weight
	}
	return newTCPMapping("shop", name, spec)
}

// versionsWithTCPWeights says for versions whether the weight of a TCPMapping is its share.
var versionsWithTCPWeights = map[model.Version]bool{
	{}: false, {Major: 3, Minor: 10}: false, {Major: 4}: false, {Major: 4, Minor: 1}: false, {Major: 4, Minor: 1, Patch: 9}: false,
	{Major: 4, Minor: 2}: true, {Major: 4, Minor: 10}: true, {Major: 5}: true,
}

// TestTCP checks the real share beside a stable without weight: w/(w+100), and the weight
// itself in versions after 4.1.
func TestTCP(t *testing.T) {
	for version, itself := range versionsWithTCPWeights {
		o := options
		o.Version = version
		most := 50.0
		if itself {
			most = 99
		}
		for _, percent := range []float64{-1, 0, 1, 5, 10, 33, 49, 50, 51, 80, 100, 200, math.NaN()} {
			weight, share := version.TCPWeight(percent)
			report := model.Evaluate([]map[string]any{tcp("t", nil), tcp("t-canary", weight)}, o)
			rows := report.TCPGroups[0].Rows
			if rows[0].Mapping != "t-canary" || math.Abs(rows[0].Share-share) > 1e-9 || math.Abs(rows[0].Share+rows[1].Share-100) > 1e-9 {
				t.Errorf("%s: %v %%: weight %d, share %v, report %+v", version, percent, weight, share, rows)
			}
			if 0 <= percent && percent <= most && math.Abs(share-percent) > 0.5 {
				t.Errorf("%s: %v %%: weight %d gives %v", version, percent, weight, share)
			}
			if share > most || itself && weight != int(share) {
				t.Errorf("%s: %v %%: weight %d gives %v, at most %v are possible", version, percent, weight, share, most)
			}
		}
	}
	if _, share := model.Newest().TCPWeight(10); math.Abs(share-100.0*11/111) > 1e-9 {
		t.Errorf("10 %% up to 4.1: %v", share)
	}
}

// TestTCPGroup checks groups of other sizes in both kinds of versions.
func TestTCPGroup(t *testing.T) {
	for _, c := range []struct {
		what          string
		set           []map[string]any
		old, relative []float64
	}{
		{"one", []map[string]any{tcp("a", 0)}, []float64{100}, []float64{100}},
		{"70 and 30", []map[string]any{tcp("a", 70), tcp("b", 30)}, []float64{100. * 70 / 170, 100. * 100 / 170}, []float64{70, 30}},
		{"10, 20 and the rest", []map[string]any{tcp("a", 10), tcp("b", 20), tcp("c", nil)}, []float64{100. * 10 / 140, 100. * 30 / 140, 100. * 100 / 140}, []float64{10, 20, 70}},
		{"two without", []map[string]any{tcp("a", nil), tcp("b", nil)}, []float64{100. * 50 / 150, 100. * 100 / 150}, []float64{50, 50}},
		{"60 and 10", []map[string]any{tcp("a", 60), tcp("b", 10)}, []float64{100. * 60 / 130, 100. * 70 / 130}, []float64{100. * 60 / 70, 100. * 10 / 70}},
		{"nothing", []map[string]any{tcp("a", 0), tcp("b", 0)}, []float64{0, 0}, []float64{0, 0}},
	} {
		for version, itself := range versionsWithTCPWeights {
			o := options
			o.Version = version
			want := c.old
			if itself {
				want = c.relative
			}
			for i, row := range model.Evaluate(c.set, o).TCPGroups[0].Rows {
				if math.Abs(row.Share-want[i]) > 1e-9 {
					t.Errorf("%s in %s: %+v, expected %v", c.what, version, row, want)
				}
			}
		}
	}
}

// TestTCPSharesAreShares checks that the shares of a group add up, whatever the weights.
func TestTCPSharesAreShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var set []map[string]any
		for _, name := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,3}`), 1, 5, rapid.ID).Draw(t, "names") {
			set = append(set, tcp(name, rapid.SampledFrom([]any{nil, 0, 1, 33, 50, 99.5, 100, 101, -1, -100}).Draw(t, "weight")))
		}
		o := options
		o.Version = rapid.SampledFrom([]model.Version{{}, {Major: 4, Minor: 2}}).Draw(t, "version")
		sum := 0.0
		for _, row := range model.Evaluate(set, o).TCPGroups[0].Rows {
			if !(row.Share >= 0) {
				t.Errorf("%+v", row)
			}
			sum += row.Share
		}
		if sum != 0 && math.Abs(sum-100) > 1e-9 {
			t.Errorf("the shares add up to %v", sum)
		}
	})
}
