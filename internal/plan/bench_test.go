package plan_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/plan"
	"github.com/canarize/canarize/internal/route"
	"github.com/canarize/canarize/internal/route/emissary/derive"
)

// benchInput returns the input of ../../bench: applications of four documents each.
func benchInput(b *testing.B, documents int) manifest.Source {
	application, err := os.ReadFile("../../bench/application.yml")
	if err != nil {
		b.Fatal(err)
	}
	var text strings.Builder
	for i := 0; i < documents; i += 4 {
		text.WriteString(strings.ReplaceAll(string(application), "NUMBER", strconv.Itoa(i/4)))
	}
	return manifest.Source{Name: "bench.yml", Data: []byte(text.String())}
}

// perDocument runs a benchmark at three sizes and reports the time per document. If the
// work is linear, it is the same for all three.
func perDocument(b *testing.B, setUp func(b *testing.B, source manifest.Source) (measured func() error)) {
	for _, documents := range []int{12, 1_000, 10_000} {
		b.Run(fmt.Sprintf("documents=%d", documents), func(b *testing.B) {
			measured := setUp(b, benchInput(b, documents))
			b.ReportAllocs()
			for b.Loop() {
				if err := measured(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(documents), "ns/document")
		})
	}
}

func benchSet(b *testing.B, source manifest.Source) *manifest.Set {
	objects, err := manifest.Parse(source)
	if err != nil {
		b.Fatal(err)
	}
	set, err := plan.NewSet(objects, "")
	if err != nil {
		b.Fatal(err)
	}
	return set
}

func benchOptions() plan.Options {
	weight := 10
	return plan.Options{Canary: canary.Options{Suffix: "-canary"}, Weight: &weight, Routers: []route.Named{{Name: route.Default, Deriver: derive.Router{Namespace: "emissary"}}}}
}

func BenchmarkParse(b *testing.B) {
	perDocument(b, func(_ *testing.B, source manifest.Source) func() error {
		return func() error {
			_, err := manifest.Parse(source)
			return err
		}
	})
}

// BenchmarkDerive measures the derivation of pods and Services alone.
func BenchmarkDerive(b *testing.B) {
	perDocument(b, func(b *testing.B, source manifest.Source) func() error {
		set, options := benchSet(b, source), benchOptions()
		options.Canary.Weight = *options.Weight
		return func() error {
			_, err := canary.Derive(set, options.Canary)
			return err
		}
	})
}

// BenchmarkGenerate measures everything between reading and printing.
func BenchmarkGenerate(b *testing.B) {
	perDocument(b, func(b *testing.B, source manifest.Source) func() error {
		set := benchSet(b, source)
		return func() error {
			_, err := plan.Generate(set, benchOptions())
			return err
		}
	})
}

func BenchmarkPrint(b *testing.B) {
	perDocument(b, func(b *testing.B, source manifest.Source) func() error {
		generated, err := plan.Generate(benchSet(b, source), benchOptions())
		if err != nil {
			b.Fatal(err)
		}
		return func() error {
			_, err := generated.Print()
			return err
		}
	})
}
