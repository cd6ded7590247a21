package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/calibrate"
	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/metric"
	"github.com/canarize/canarize/internal/releasefile"
	"github.com/canarize/canarize/internal/wiring"
)

// calibrateFlags are the unparsed flags of calibrate.
type calibrateFlags struct {
	config                     configFlag
	since                      time.Duration
	until, workload, namespace string
	runs                       int
	seed                       uint64
	output                     string
}

// maxReleases bounds the time that a calibration takes.
const maxReleases = 100_000

func newCalibrate(streams Streams) *cobra.Command {
	var f calibrateFlags
	cmd := &cobra.Command{
		Use:   "calibrate [flags]",
		Short: "Try the judge on the past of this service, and fit its margins",
		Long: `Calibrate reads from Prometheus what stable's pods counted in the last hours, and
pretends many releases: in each, some of stable's pods play the canary. All pods run one
version, so every rejection is false. It shows on stderr how often the judge of the
release file would have rejected falsely, how long a promotion takes with this traffic,
and why releases stay undecided.

It prints the release file with the margins and warm-ups that fit, and with the reasons as
comments in spec.analysis. Everything else in the file stays as it is. Compare the two
files, and keep what you agree with. With -o json it prints the numbers instead.

The release file must have one of the metric sources prometheus and azuremonitor; the
others keep no history. Without labels in spec.metrics.stable, calibrate finds the pods by
the name of their workload. It needs no cluster, and changes nothing there. Gauges are
left out. The same seed and history always yield the same result.`,
		Example: `  canarize calibrate --config release.yml > calibrated.yml
  canarize calibrate --since 24h --until 2026-03-02T06:00:00Z
  canarize calibrate --workload StatefulSet/db -n shop -o json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd.Context(), streams)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	f.config.register(flags)
	flags.DurationVar(&f.since, "since", 6*time.Hour, "`DURATION` of the past to read")
	flags.StringVar(&f.until, "until", "", "`TIME` at which it ends, such as 2026-03-02T06:00:00Z; by default now")
	flags.IntVar(&f.runs, "runs", 500, "`NUMBER` of releases to pretend")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of the random numbers, a `NUMBER`")
	flags.StringVar(&f.workload, "workload", "", "stable's workload, `[KIND/]NAME`, if spec.metrics.stable has no labels; by default the Deployment that the release file names")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "`NAMESPACE` of its pods; by default that of the release file, or of the current context")
	flags.StringVarP(&f.output, "output", "o", "yaml", "output `FORMAT`: yaml (a release file), json")
	return cmd
}

func (f *calibrateFlags) run(ctx context.Context, streams Streams) error {
	recalling, err := f.options()
	if err != nil {
		return err
	}
	archive, err := f.archive(ctx)
	if err != nil {
		return err
	}
	past, err := metric.Recall(ctx, archive, recalling)
	switch {
	case errors.Is(err, metric.ErrNamelessPods):
		return fmt.Errorf("%s: %w; set spec.metrics.podLabel to the label that has the name of the pod", f.config.file, err)
	case err != nil:
		return foreign(err)
	case len(past.Pods) == 0:
		return fmt.Errorf("%s: no request was counted in %s by %s; check the selectors of spec.metrics, the labels, and --since", f.config.file, past.Length(), f.sought())
	}
	file := f.config.release
	c, err := calibrate.Run(ctx, calibrate.Options{Past: &past, Config: file.Analysis, CanaryPods: canaryPods(file.Canary.Replicas, &past), Runs: f.runs, Seed: f.seed})
	if err != nil {
		return fmt.Errorf("%s: %w", f.config.file, err)
	}
	c.Warnings = append(past.Troubles, c.Warnings...)
	return f.print(streams, c)
}

// options parses and checks the flags, and reads the release file.
func (f *calibrateFlags) options() (metric.Recalling, error) {
	var r metric.Recalling
	switch {
	case f.output != "yaml" && f.output != "json":
		return r, unknownOutput(f.output, "yaml, json")
	case f.runs < 1 || f.runs > maxReleases:
		return r, fmt.Errorf("--runs %d: expected a number from 1 to %d", f.runs, maxReleases)
	case f.since <= 0:
		return r, fmt.Errorf("--since %s: expected a duration above 0", f.since)
	}
	now := time.Now()
	r.End = now
	if f.until != "" {
		var err error
		if r.End, err = time.Parse(time.RFC3339, f.until); err != nil || r.End.After(now) {
			return r, fmt.Errorf("--until %q: expected a time that has passed, such as %s", f.until, now.UTC().Add(-time.Hour).Format(time.RFC3339))
		}
	}
	if err := f.config.load(); err != nil {
		return r, err
	}
	if f.config.file == "" {
		return r, errors.New("calibrate needs a release file; pass --config FILE")
	}
	file := f.config.release
	r.Interval = time.Duration(file.Analysis.Interval * float64(time.Second))
	if latest := now.Add(-r.Interval); r.End.After(latest) { // the last samples may not have arrived yet
		r.End = latest
	}
	r.End = r.End.Truncate(time.Second)
	r.Begin = r.End.Add(-f.since)
	r.Metrics, r.Timeout = counted(file.Metrics.Queries), file.Metrics.Timeout
	return r, nil
}

// counted returns the metrics of which the past has counts.
func counted(queries []metric.Query) []metric.Metric {
	return slices.DeleteFunc(metric.Metrics(queries), func(m metric.Metric) bool { return m.Kind == metric.KindGauge })
}

// archive opens the metric source.
func (f *calibrateFlags) archive(ctx context.Context) (metric.Archive, error) {
	config := f.config.release.Metrics
	var stable manifest.ID
	if config.Stable == nil && config.Source != "" {
		var err error
		if stable, err = f.stable(); err != nil {
			return nil, err
		}
	}
	if config.Source == "" {
		config.Source = metric.Emissary
	}
	archive, err := wiring.Archive(ctx, config, stable, os.Getenv)
	var none wiring.NoArchiveError
	switch {
	case errors.As(err, &none):
		return nil, fmt.Errorf("%s: %w; set spec.metrics.source to %s or %s in a copy of the file, with selectors of the same metrics, and pass it by --config", f.config.file, err, metric.Prometheus, metric.AzureMonitor)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", f.config.file, err)
	}
	return archive, nil
}

// stable returns the workload whose pods are looked for.
func (f *calibrateFlags) stable() (manifest.ID, error) {
	kind, name, both := strings.Cut(f.workload, "/")
	if !both {
		kind, name = "Deployment", f.workload
	}
	if f.workload == "" {
		name = f.config.release.ReleaseName()
	}
	namespace := f.namespace
	if namespace == "" {
		namespace = f.config.release.Namespace
	}
	if namespace == "" {
		var err error
		if namespace, err = (kube.Target{}).Namespace(); err != nil {
			return manifest.ID{}, outside(err)
		}
	}
	if name == "" {
		return manifest.ID{}, fmt.Errorf("%s names no workload and no labels of stable; pass --workload, or set spec.metrics.stable and canary", f.config.file)
	}
	if err := oneOf("--workload", kind, "Deployment", "StatefulSet", "DaemonSet"); err != nil {
		return manifest.ID{}, err
	}
	return manifest.ID{Group: "apps", Kind: kind, Namespace: namespace, Name: name}, checkNamespaces(namespace, "emissary")
}

// sought says which pods were looked for.
func (f *calibrateFlags) sought() string {
	if labels := f.config.release.Metrics.Stable; labels != nil {
		return "pods with the labels " + metric.FormatMatchers(labels)
	}
	stable, _ := f.stable() // it had no error before
	return fmt.Sprintf("the pods of %s", stable)
}

// canaryPods returns the number of the canary's pods that spec.canary.replicas says, or 0 if
// it follows the weight.
func canaryPods(replicas string, past *metric.Past) int {
	if replicas == "same" {
		return len(past.Pods)
	}
	n, _ := strconv.Atoi(replicas) // weight
	return n
}

// print writes the summary to stderr, and the release file or the numbers to stdout.
func (f *calibrateFlags) print(streams Streams, c *calibrate.Calibration) error {
	if f.output == "json" {
		text, err := json.MarshalIndent(c, "", "  ")
		if err != nil {
			return err
		}
		_, err = streams.Out.Write(append(escapeJSON(text), '\n'))
		return outside(err)
	}
	if _, err := streams.Err.Write([]byte(calibrationText(c, widthOf(streams.rawErr)))); err != nil {
		return outside(err)
	}
	content, err := os.ReadFile(f.config.file)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	comment, settings := calibratedSettings(c)
	text, err := releasefile.WithAnalysis(f.config.file, content, comment, settings)
	if err == nil {
		_, err = releasefile.Parse(f.config.file, text)
	}
	if err != nil {
		return err
	}
	_, err = streams.Out.Write(text)
	return outside(err)
}
