package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// write writes a gzipped file, of which the last bytes may be cut off.
func write(t *testing.T, path, text string, cut int) {
	t.Helper()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, zipped.Bytes()[:zipped.Len()-cut], 0o600); err != nil {
		t.Fatal(err)
	}
}

// invented returns files in the form of the real ones: two systems with an
// experiment each, one that is held out, and two traces.
func invented() map[string]string {
	r := rand.New(rand.NewPCG(1, 2))
	delag := delagHeader + "\n"
	for _, e := range []struct {
		name string
		ms   int
	}{{"eshopper,000", 380}, {"trainticket,001", 105}, {"trainticket,007", 105}} {
		for i := range 60 {
			label := max(0, i-30) / 10
			delag += fmt.Sprintf("%s,%d,%d\n", e.name, e.ms+label*e.ms+r.IntN(e.ms/4), min(label, 2))
		}
	}
	files := map[string]string{delagFile: delag}
	for _, name := range []string{"code", "conv"} {
		trace, at := azureHeader+"\n", time.Date(2023, 11, 16, 18, 15, 46, 0, time.UTC)
		for range 50 {
			at = at.Add(time.Duration(r.ExpFloat64() * float64(time.Second)))
			trace += fmt.Sprintf("%s,%d,%d\n", at.Format("2006-01-02 15:04:05.0000000"), r.IntN(5000), 5+r.IntN(300))
		}
		files[fmt.Sprintf(azureFile, name)] = trace
	}
	return files
}

// folder writes files and returns their folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(dir, name), text, 0)
	}
	return dir
}

func TestRead(t *testing.T) {
	d, err := read(folder(t, invented()))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.experiments) != 2 || d.heldOut != 1 || len(d.traces) != 2 {
		t.Fatalf("%d experiments, %d held out, %d traces", len(d.experiments), d.heldOut, len(d.traces))
	}
	for _, e := range d.experiments {
		if n := [labels]int{len(e.latency[0]), len(e.latency[1]), len(e.latency[2])}; n != [labels]int{40, 10, 10} {
			t.Errorf("%s/%s: %v requests by label", e.system, e.file, n)
		}
	}
	if e := d.experiments[0]; e.latency[healthy][0] < .38 || e.latency[healthy][0] > .475 {
		t.Errorf("milliseconds were read as %v s", e.latency[healthy][0])
	}
	if trace := d.traces[1]; trace.name != "conv" || len(trace.arrivals) != 50 || trace.arrivals[0] != 0 || len(trace.tokens) != 50 {
		t.Errorf("%+v", trace)
	}
}

// TestReadErrors checks that an error names the file and the line.
func TestReadErrors(t *testing.T) {
	const time1, time2 = "2023-11-16 18:15:46.68", "2023-11-16 18:15:47"
	rows := func(header string, lines ...string) string { return header + "\n" + strings.Join(lines, "\n") + "\n" }
	delag := func(lines ...string) string {
		return rows(delagHeader, append([]string{"a,000,1,0", "a,000,1,1", "a,000,1,2"}, lines...)...)
	}
	const code = "azure-llm-code.csv.gz"
	for _, c := range []struct{ name, file, text, says string }{
		{"header", delagFile, "system,file,latency,label\na,000,1,0\n", `delag.csv.gz:1: the header is "system,file,latency,label"; it must be "system,file,latency_ms,label"`},
		{"header of another file", code, delag(), "azure-llm-code.csv.gz:1: the header is"},
		{"empty", delagFile, "", "delag.csv.gz:1: there is no row"},
		{"no row", delagFile, delagHeader + "\n", "delag.csv.gz:2: there is no row"},
		{"column missing", delagFile, delag("a,000,1"), "delag.csv.gz:5: there are 3 columns"},
		{"column too many", delagFile, delag("a,000,1,0,0"), "delag.csv.gz:5: there are 5 columns"},
		{"no system", delagFile, delag(",000,1,0"), "delag.csv.gz:5: the row does not name"},
		{"no file", delagFile, delag("a,,1,0"), "delag.csv.gz:5: the row does not name"},
		{"no number", delagFile, delag("a,000,fast,0"), `delag.csv.gz:5: the latency is "fast"`},
		{"NaN", delagFile, delag("a,000,NaN,0"), `delag.csv.gz:5: the latency is "NaN"`},
		{"negative", delagFile, delag("a,000,-1,0"), `delag.csv.gz:5: the latency is "-1"`},
		{"infinite", delagFile, delag("a,000,Inf,0"), `delag.csv.gz:5: the latency is "Inf"`},
		{"label", delagFile, delag("a,000,1,3"), `delag.csv.gz:5: the label is "3"`},
		{"labels", delagFile, delag("a,000,1,01"), `delag.csv.gz:5: the label is "01"`},
		{"no label", delagFile, delag("a,000,1,"), `delag.csv.gz:5: the label is ""`},
		{"long line", delagFile, delag(strings.Repeat("a", 1<<17)), "delag.csv.gz:5: cannot be read"},
		{"label without requests", delagFile, delag("b,000,1,0", "b,000,1,1"), "delag.csv.gz: b/000 has no request with the label 2"},
		{"all held out", delagFile, rows(delagHeader, "a,009,1,0"), "delag.csv.gz: all 1 experiments are held out"},
		{"time", code, rows(azureHeader, "yesterday,1,1"), `azure-llm-code.csv.gz:2: the time is "yesterday"`},
		{"time before", code, rows(azureHeader, time2+",1,1", time1+",1,1"), "azure-llm-code.csv.gz:3: the time 2023-11-16 18:15:46.68 is before"},
		{"one time", code, rows(azureHeader, time1+",1,1", time1+",1,1"), "azure-llm-code.csv.gz: all requests have the same time"},
		{"tokens", code, rows(azureHeader, time1+",1,1", time2+",1,-1"), `azure-llm-code.csv.gz:3: the number of generated tokens is "-1"`},
		{"no tokens", code, rows(azureHeader, time1+",1,1", time2+",1,x"), `azure-llm-code.csv.gz:3: the number of generated tokens is "x"`},
		{"too many tokens", code, rows(azureHeader, time1+",1,1", time2+",1,99999999999999999999"), "azure-llm-code.csv.gz:3: the number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := invented()
			files[c.file] = c.text
			if _, err := read(folder(t, files)); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v instead of %s", err, c.says)
			}
		})
	}
}

func TestTruncated(t *testing.T) {
	files := invented()
	dir := folder(t, files)
	path := filepath.Join(dir, delagFile)
	write(t, path, files[delagFile], 60)
	if _, err := read(dir); err == nil || !strings.Contains(err.Error(), "unexpected EOF; get the file again") || !strings.Contains(err.Error(), delagFile+":1") {
		t.Errorf("truncated: %v", err)
	}
	if err := os.WriteFile(path, []byte(files[delagFile]), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := read(dir); err == nil || !strings.Contains(err.Error(), delagFile+":1: cannot be unzipped") {
		t.Errorf("not zipped: %v", err)
	}
}

// TestWithoutData checks that the message says where the data comes from.
func TestWithoutData(t *testing.T) {
	missing := invented()
	delete(missing, delagFile)
	for name, args := range map[string][]string{
		"no flag":      nil,
		"empty":        {"-data", ""},
		"no folder":    {"-data", filepath.Join(t.TempDir(), "nothing")},
		"file missing": {"-data", folder(t, missing)},
	} {
		err := run(t.Context(), args)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, says := range []string{
			"SpencerLabAQ/icpe-data-challenge-delag", "MIT", delagHeader,
			"Azure/AzurePublicDataset", "AzureLLMInferenceTrace_code.csv", "CC-BY-4.0", azureHeader, "make bench-public DATA=FOLDER",
		} {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%s: missing %q in %v", name, says, err)
			}
		}
	}
}

// FuzzParse checks that no text makes the parsers panic, nor what follows them.
func FuzzParse(f *testing.F) {
	files := invented()
	f.Add(files[delagFile], files["azure-llm-code.csv.gz"])
	f.Add(delagHeader+"\na,000,1e3,0\n", azureHeader+"\n0000-01-01 00:00:00,1,1\n9999-12-31 23:59:59,1,0\n")
	f.Fuzz(func(t *testing.T, delag, azure string) {
		e, of := experiments{index: map[id]int{}, heldOut: map[id]bool{}}, trace{name: "code"}
		if parse("a", strings.NewReader(delag), delagHeader, e.add) != nil || e.check() != nil {
			return
		}
		if parse("b", strings.NewReader(azure), azureHeader, of.add) != nil || of.check() != nil {
			return
		}
		w := allWorkloads(&data{experiments: e.all, traces: []trace{of}}, usual)
		for _, every := range append(w, mixed(w)) {
			h := harm{label: 1, part: .5}
			if every.ordered {
				h = harm{} // a trace has no slowed-down requests
			}
			r := newRelease(every, h, 1, 1)
			r.interval(-history, 0)
			r.interval(-history+interval, 5)
			if o := r.observe(interval, 5, false); o.Metrics["slow"].Canary.Bad > o.Metrics["slow"].Canary.Total {
				t.Errorf("%+v", o)
			}
		}
	})
}
