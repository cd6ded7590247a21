package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/canarize/canarize/internal/report"
	"github.com/canarize/canarize/internal/rollout"
	"github.com/canarize/canarize/internal/runner"
	"github.com/canarize/canarize/internal/survey"
	"github.com/canarize/canarize/internal/wiring"
)

// releaseNumber is the flag --release; 0 if it is not given.
type releaseNumber int

func (n *releaseNumber) register(flags *pflag.FlagSet) {
	flags.Var(n, "release", "the `NUMBER` of an earlier release; see canarize history")
}

// Set implements pflag.Value.
func (n *releaseNumber) Set(text string) error {
	number, err := strconv.ParseInt(text, 10, 32)
	if err != nil || number < 1 {
		return errors.New("expected the number of a release, from 1; canarize history lists them")
	}
	*n = releaseNumber(number)
	return nil
}

// String implements pflag.Value.
func (n *releaseNumber) String() string {
	if *n == 0 {
		return ""
	}
	return strconv.Itoa(int(*n))
}

// Type implements pflag.Value.
func (n *releaseNumber) Type() string { return "NUMBER" }

// reported returns the report of the present release, or of an earlier one.
func (f *reportFlags) reported(ctx context.Context, release runner.Release, r survey.Recorded) (report.Report, error) {
	version, state := buildVersion().Version, r.State
	present := f.number == 0 || int(f.number) == state.CurrentNumber()
	history, err := rollout.HistoryOf(r.History, state)
	if present && (err != nil || !state.Over()) { // the state alone tells about the present release
		return report.Of(release.Namespace, release.Name, state, time.Now(), version), nil
	}
	if err != nil {
		return report.Report{}, f.engine.explain(ctx, release, state, err)
	}
	past, err := history.Find(cmp.Or(int(f.number), state.CurrentNumber()), state)
	var refusal *rollout.Refusal
	if errors.As(err, &refusal) {
		return report.Report{}, f.engine.explain(ctx, release, state, runner.RefusedError{Refusal: refusal})
	}
	return report.OfPast(release.Namespace, release.Name, state, past, time.Now(), version), nil
}

// all prints the precision of all decisions of a namespace, of all namespaces, or of
// stored histories.
func (f *reportFlags) all(ctx context.Context, args []string, streams Streams) error {
	switch {
	case len(args) > 0:
		return errors.New("--all counts the releases of all names; leave out the NAME")
	case f.number != 0:
		return errors.New("--all counts all releases; leave out --release")
	case f.maxChars != 0:
		return errors.New("--max-chars limits the report of one release; leave out --all")
	case f.from != "" && f.everywhere:
		return errors.New("--from reads the releases from a file; leave out -A")
	}
	if err := oneOf("--output", f.format, "markdown", "json"); err != nil {
		return err
	}
	histories, title, err := f.allHistories(ctx, streams)
	if err != nil {
		return err
	}
	precision := report.PrecisionOf(histories)
	if f.format == "json" {
		return outside(encode(streams.Out, precision, "json"))
	}
	text := precision.Markdown(title)
	if precision.Marked == 0 {
		text += "\nNo release is marked, so nobody knows how often the decisions were right. Once a\ndecision turned out right or wrong, say so:\n\n    canarize mark NAME right|wrong --release NUMBER\n"
	}
	_, err = fmt.Fprint(streams.Out, Escape(text))
	return outside(err)
}

// allHistories reads histories from the cluster or a file, and names where they are from.
func (f *reportFlags) allHistories(ctx context.Context, streams Streams) (h report.Histories, title string, err error) {
	if f.from != "" {
		h, err := readHistories(f.from)
		return h, "Releases in " + f.from, err
	}
	if f.engine.config.path.given {
		if err := f.engine.complete(); err != nil {
			return h, "", err
		}
	}
	if err := f.engine.check(); err != nil {
		return h, "", err
	}
	namespace, err := f.engine.scope(f.everywhere)
	if err != nil {
		return h, "", err
	}
	engine, err := wiring.Connect(f.engine.options(false, func(rollout.Event) {}))
	if err != nil {
		return h, "", foreign(err)
	}
	defer engine.Close()
	title = "Releases of all namespaces"
	if namespace != "" {
		title = "Releases of namespace " + namespace
	}
	h, err = histories(ctx, engine, namespace, "", streams)
	if err == nil && len(h.Histories) == 0 {
		err = f.engine.mustExist(ctx, engine, namespace, "")
	}
	return h, title, err
}
