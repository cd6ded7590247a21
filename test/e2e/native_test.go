//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/canarize/canarize/internal/analysis"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/metric/endpoint"
	"github.com/canarize/canarize/internal/metric/pods"
	promsource "github.com/canarize/canarize/internal/metric/prometheus"
	"github.com/canarize/canarize/internal/metric/scrape"
)

// slowProgram is a program with a native and a classic histogram, which also
// keeps every duration.
type slowProgram struct {
	server  *httptest.Server
	seconds *prometheus.HistogramVec
	all     []float64
}

func newSlowProgram(t *testing.T, factor float64) *slowProgram {
	p := &slowProgram{seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "request_seconds", NativeHistogramBucketFactor: factor}, []string{"path"})}
	classic := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "classic_seconds"})
	registry := prometheus.NewRegistry()
	registry.MustRegister(p.seconds, classic)
	p.server = httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	t.Cleanup(p.server.Close)
	return p
}

func (p *slowProgram) serve(random *rand.Rand, n int) {
	for range n {
		d := .05 * math.Exp(random.NormFloat64())
		p.seconds.WithLabelValues(fmt.Sprint("/", random.IntN(3))).Observe(d)
		p.all = append(p.all, d)
	}
}

// slowPrograms is a cluster with a pod for each version.
type slowPrograms map[metric.Arm]*slowProgram

func (p slowPrograms) Pods(context.Context) (all []scrape.Pod, err error) {
	for arm := range p {
		all = append(all, scrape.Pod{Namespace: "default", Name: string(arm), Ready: true, Arms: []metric.Arm{arm}})
	}
	return all, nil
}

func (p slowPrograms) Page(ctx context.Context, pod scrape.Pod) ([]byte, error) {
	accept := pods.Accept(p.query())
	return kube.GetPage(ctx, http.DefaultClient, p[pod.Arms[0]].server.URL, accept, scrape.Limit)
}

func (p slowPrograms) query() []metric.Query {
	return []metric.Query{{Metric: metric.Metric{Name: "latency", Kind: metric.KindLatency}, Histogram: metric.Selector{Name: "request_seconds"}, PerSecond: 1}}
}

func (p slowPrograms) servers() map[metric.Arm]*httptest.Server {
	all := map[metric.Arm]*httptest.Server{}
	for arm, program := range p {
		all[arm] = program.server
	}
	return all
}

// startPrometheus starts Prometheus alone, which scrapes the programs every
// second, and returns its URL.
func startPrometheus(t *testing.T, programs map[metric.Arm]*httptest.Server) string {
	t.Helper()
	build := exec.CommandContext(t.Context(), "go", "-C", filepath.Join("..", "cluster"), "run", ".", "build", "--node")
	build.Stderr = os.Stderr
	paths, err := build.Output()
	if err != nil {
		t.Fatal(err)
	}
	built := strings.Fields(string(paths))
	configuration := "global: {scrape_interval: 1s, scrape_native_histograms: true}\nscrape_configs:\n"
	for arm, p := range programs {
		configuration += fmt.Sprintf("- {job_name: %s, metrics_path: /, static_configs: [{targets: ['%s'], labels: {track: %s}}]}\n", arm, strings.TrimPrefix(p.URL, "http://"), arm)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := port.Addr().String()
	_ = port.Close()
	run := exec.Command(built[len(built)-1], "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	run.Stderr = io.Discard
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = run.Process.Kill(); _ = run.Wait() })
	await(t, "Prometheus", func() bool {
		response, err := http.Get("http://" + address + "/-/ready")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return "http://" + address
}

// TestNativeHistograms checks that the pods and a real Prometheus give the same
// counts of native histograms as counting each duration, at every boundary,
// though the versions have different resolutions.
func TestNativeHistograms(t *testing.T) {
	programs := slowPrograms{metric.Stable: newSlowProgram(t, 1.1), metric.Canary: newSlowProgram(t, 1.5)}
	random := rand.New(rand.NewPCG(1, 2))
	for _, p := range programs {
		p.serve(random, 500)
	}
	server, err := endpoint.New(metric.Access{Address: startPrometheus(t, programs.servers())}, func(string) string { return "" }, nil)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(queries []metric.Query) metric.Source {
		labels := map[metric.Arm][]metric.Matcher{}
		for _, arm := range metric.Arms() {
			labels[arm] = []metric.Matcher{metric.Equal("track", string(arm))}
		}
		return promsource.New(server, promsource.Options{Queries: queries, Labels: labels})
	}
	own, err := pods.New(programs, programs.query())
	if err != nil {
		t.Fatal(err)
	}
	readers := map[string]*metric.Reader{}
	for name, source := range map[string]metric.Source{"pods": own, "prometheus": ask(programs.query())} {
		opened := &metric.Opened{Source: source, Metrics: metric.Metrics(programs.query()), Timeout: time.Minute}
		reader := opened.Reader(time.Now())
		await(t, "the first counts of "+name, func() bool {
			out := reader.Read(t.Context(), time.Now(), metric.Weight{})
			return out.Observation.Latency["latency"].Canary != nil && out.Observation.Latency["latency"].Stable != nil
		})
		readers[name] = opened.Reader(time.Now()) // one that has seen both versions from the start
		readers[name].Read(t.Context(), time.Now(), metric.Weight{})
	}
	native, classic := programs.query(), programs.query()
	native[0].Histogram.Name = "classic_seconds"
	classic[0].Buckets, classic[0].Histogram = metric.Selector{Name: "request_seconds_bucket"}, metric.Selector{}
	for says, queries := range map[string][]metric.Query{
		"write buckets: classic_seconds_bucket": native,
		"write histogram: request_seconds":      classic,
	} {
		if _, err := ask(queries).Read(t.Context(), time.Now(), time.Now()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
	for _, p := range programs {
		p.all = nil
		p.serve(random, 2000)
	}
	for name, reader := range readers {
		counted := map[metric.Arm]map[float64]int64{metric.Canary: {}, metric.Stable: {}}
		await(t, "all counts of "+name, func() bool {
			out := reader.Read(t.Context(), time.Now(), metric.Weight{})
			if len(out.Troubles) > 0 {
				t.Errorf("%s: %q", name, out.Troubles)
			}
			pair := out.Observation.Latency["latency"]
			addBelow(counted[metric.Canary], pair.Canary)
			addBelow(counted[metric.Stable], pair.Stable)
			return counted[metric.Canary][math.Inf(1)] >= 2000 && counted[metric.Stable][math.Inf(1)] >= 2000
		})
		for arm, p := range programs {
			p.compare(t, name+", "+string(arm), counted[arm])
		}
	}
}

func addBelow(to map[float64]int64, h *analysis.Histogram) {
	if h == nil {
		return
	}
	to[math.Inf(1)] += h.Total
	for i, b := range h.Bounds {
		to[b] += h.Below[i]
	}
}

// compare counts the durations at every boundary.
func (p *slowProgram) compare(t *testing.T, name string, counted map[float64]int64) {
	for bound, have := range counted {
		want := int64(0)
		for _, d := range p.all {
			if d <= bound {
				want++
			}
		}
		if have != want {
			t.Errorf("%s: %d requests up to %v, want %d", name, have, bound, want)
		}
	}
	if len(counted) != 74 { // schema 1, as the canary's factor of 1.5
		t.Errorf("%s: %d boundaries", name, len(counted))
	}
	fmt.Printf("%s: %d requests counted alike at %d boundaries\n", name, len(p.all), len(counted))
}
