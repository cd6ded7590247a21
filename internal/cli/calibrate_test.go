package cli

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/canarize/canarize/internal/calibrate"
	"github.com/canarize/canarize/internal/releasefile"
)

// calibrateExample has a release file, the samples of a real Prometheus, and what calibrate
// prints for them.
const calibrateExample = "../../examples/calibrate/"

// The address in the example, and when its samples end.
const (
	exampleAddress = "http://prometheus.monitoring:9090"
	exampleEnd     = "2026-11-30T04:17:30Z"
)

// recording is the answer of a Prometheus with all samples.
type recording struct {
	Data struct {
		Result []struct {
			Metric map[string]string    `json:"metric"`
			Values [][2]json.RawMessage `json:"values"`
		} `json:"result"`
	} `json:"data"`
}

var rangeSelector = regexp.MustCompile(`^(\w+)\{(.*)\}\[(\d+)s\]$`)

// history serves the samples of a recording, as Prometheus answers range selectors. The
// series that pass keep are served.
func history(t *testing.T, keep func(pod string) bool) (address string) {
	t.Helper()
	text, err := os.ReadFile(calibrateExample + "samples.json")
	if err != nil {
		t.Fatal(err)
	}
	var all recording
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := rangeSelector.FindStringSubmatch(r.FormValue("query"))
		to, err := strconv.ParseFloat(r.FormValue("time"), 64)
		if m == nil || err != nil || !strings.Contains(m[2], `pod=~"sampleapp-[a-z0-9]{1,10}-[a-z0-9]{5}"`) {
			t.Errorf("query %q at %q", r.FormValue("query"), r.FormValue("time"))
		}
		seconds, _ := strconv.ParseFloat(m[3], 64)
		part := recording{}
		for _, s := range all.Data.Result {
			inside := s.Values[:0:0]
			for _, v := range s.Values {
				if at, _ := strconv.ParseFloat(string(v[0]), 64); at > to-seconds && at <= to {
					inside = append(inside, v)
				}
			}
			if s.Values = inside; len(inside) > 0 && s.Metric["__name__"] == m[1] && keep(s.Metric["pod"]) {
				part.Data.Result = append(part.Data.Result, s)
			}
		}
		result, _ := json.Marshal(part.Data.Result)
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":%s}}`, result)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func all(string) bool { return true }

// exampleFile writes a copy of the example's release file with another address.
func exampleFile(t *testing.T, address string, replace ...string) string {
	t.Helper()
	text, err := os.ReadFile(calibrateExample + "release.yml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "release.yml")
	changed := strings.NewReplacer(append(replace, exampleAddress, address)...).Replace(string(text))
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestCalibrateExample compares the output with the file in the examples, and reads it again.
func TestCalibrateExample(t *testing.T) {
	address := history(t, all)
	file := exampleFile(t, address)
	args := []string{"--since", "33m", "--until", exampleEnd}
	code, stdout, stderr := run(t.Context(), t, "", append([]string{"calibrate", "--config", file}, args...)...)
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	printed := strings.ReplaceAll(stdout, address, exampleAddress)
	if *update {
		if err := os.WriteFile(calibrateExample+"calibrated.yml", []byte(printed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(calibrateExample + "calibrated.yml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), printed); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"VALUES ", "\npresent ", "\nMETRIC ", "\nerrors "} {
		if !strings.Contains(stderr, text) {
			t.Errorf("%q is missing in %s", text, stderr)
		}
	}
	before, err := releasefile.Parse(file, must(t, file))
	if err != nil {
		t.Fatal(err)
	}
	after, err := releasefile.Parse("stdout", []byte(stdout))
	if err != nil {
		t.Fatal(err)
	}
	if len(after.Analysis.Margins) != 1 || len(after.Analysis.Warmups) != 1 {
		t.Errorf("%+v", after.Analysis)
	}
	after.Analysis.Margins, after.Analysis.Warmups = before.Analysis.Margins, before.Analysis.Warmups
	if diff := cmp.Diff(before.Analysis, after.Analysis); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(before.Metrics.Access, after.Metrics.Access); diff != "" {
		t.Error(diff)
	}

	again := filepath.Join(t.TempDir(), "again.yml")
	if err := os.WriteFile(again, []byte(stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	_, twice, _ := run(t.Context(), t, "", append([]string{"calibrate", "--config", again}, args...)...)
	if strings.Count(twice, "\n") != strings.Count(stdout, "\n") {
		t.Errorf("it grows: %s", twice)
	}
}

func must(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestCalibrateJSON checks the fields that programs rely on.
func TestCalibrateJSON(t *testing.T) {
	file := exampleFile(t, history(t, all))
	args := []string{"calibrate", "--config", file, "--since", "33m", "--until", exampleEnd, "-o", "json", "--runs", "100"}
	code, stdout, stderr := run(t.Context(), t, "", args...)
	var c calibrate.Calibration
	if err := json.Unmarshal([]byte(stdout), &c); err != nil || code != exitDone || stderr != "" {
		t.Fatalf("exit code %d, %v: %s%s", code, err, stdout, stderr)
	}
	if c.Releases != 100 || c.StepSeconds != 15 || c.PerSecond < 50 || len(c.Metrics) != 1 || math.Abs(c.Metrics[0].Parts[0].Usual-1) > .5 || c.Metrics[0].Starts != 2 {
		t.Errorf("%+v", c)
	}
	for _, field := range []string{`"rejected"`, `"promoted"`, `"minutesToPromote"`, `"fittedMargin"`, `"fittedWarmupSeconds"`, `"coldSeconds"`, `"usualPercent"`} {
		if !strings.Contains(stdout, field) {
			t.Errorf("%s is missing", field)
		}
	}
	if _, again, _ := run(t.Context(), t, "", args...); again != stdout {
		t.Errorf("%s\n%s", stdout, again)
	}
	if _, other, _ := run(t.Context(), t, "", append(args, "--seed", "2")...); other == stdout {
		t.Error("another seed gave the same numbers")
	}
}

// TestCalibrateRefuses checks the messages about what is missing.
func TestCalibrateRefuses(t *testing.T) {
	address := history(t, all)
	few := history(t, func(pod string) bool { return strings.HasSuffix(pod, "2kx7p") || strings.HasSuffix(pod, "4hqzv") })
	good := exampleFile(t, address)
	labels := exampleFile(t, address, "source: prometheus", "source: prometheus\n    canary: 'track=\"canary\"'\n    stable: 'pod=~\"sampleapp-[a-z0-9]{1,10}-[a-z0-9]{5}\"'")
	at := []string{"--until", exampleEnd, "--since"}
	for name, c := range map[string]struct {
		file string
		args []string
		says string
	}{
		"emissary":   {exampleFile(t, address, "source: prometheus", "source: emissary", "    address: "+exampleAddress+"\n", "", "    ratios:\n      errors: {bad: 'requests_total{custom_status=\"bad\"}', total: requests_total}\n", ""), nil, "the metric source emissary keeps no history; set spec.metrics.source to prometheus or azuremonitor"},
		"no source":  {exampleFile(t, address, "  metrics:\n    source: prometheus\n    address: "+exampleAddress+"\n    ratios:\n      errors: {bad: 'requests_total{custom_status=\"bad\"}', total: requests_total}\n", ""), nil, "the metric source emissary keeps no history"},
		"two pods":   {exampleFile(t, few), append(at, "33m"), "at most 2 pods of stable ran at one time, and at least 3 are needed"},
		"short":      {good, append(at, "10m"), "the history is too short: it has 10m0s, and at least 20m0s are needed"},
		"no pods":    {good, []string{"--until", "2026-11-30T01:00:00Z"}, "no request was counted in 6h0m0s by the pods of Deployment default/sampleapp; check"},
		"nameless":   {labels, append(at, "33m"), "the series do not name their pods; set spec.metrics.podLabel"},
		"no name":    {exampleFile(t, address, "  name: sampleapp\n", ""), append(at, "33m"), "names no workload and no labels of stable; pass --workload"},
		"no file":    {"", nil, "calibrate needs a release file; pass --config FILE"},
		"bad until":  {good, []string{"--until", "yesterday"}, `--until "yesterday": expected a time that has passed, such as 2`},
		"future":     {good, []string{"--until", time.Now().Add(time.Hour).Format(time.RFC3339)}, "expected a time that has passed"},
		"bad since":  {good, []string{"--since", "0s"}, "--since 0s: expected a duration above 0"},
		"bad runs":   {good, []string{"--runs", "0"}, "--runs 0: expected a number from 1 to 100000"},
		"bad output": {good, []string{"-o", "table"}, "yaml, json"},
		"bad kind":   {good, []string{"--workload", "Job/x"}, `--workload "Job": expected one of`},
		"argument":   {good, []string{"x"}, `"x": canarize calibrate takes no arguments`},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t.Context(), t, "", append([]string{"calibrate", "--config=" + c.file}, c.args...)...)
			if code != exitInvalid || stdout != "" || !strings.Contains(stderr, c.says) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("exit code %d, %s%q, want %q", code, stdout, stderr, c.says)
			}
		})
	}
}

// TestCalibrateServerErrors checks that an error of the server is one of outside, and that
// no secret comes out.
func TestCalibrateServerErrors(t *testing.T) {
	t.Setenv("PROMETHEUS_TOKEN", token)
	auth := "source: prometheus\n    auth: {bearer: {env: PROMETHEUS_TOKEN}}"
	for name, c := range map[string]struct{ address, says string }{
		"forbidden": {talkative(t, "you are "+token), "check the credentials"},
		"away":      {"http://127.0.0.1:1", "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t.Context(), t, "", "calibrate", "--config", exampleFile(t, c.address, "source: prometheus", auth))
			if code != exitOutside || stdout != "" || !strings.Contains(stderr, c.says) || leaks(stderr) {
				t.Errorf("exit code %d, %s%q", code, stdout, stderr)
			}
		})
	}
}
