// Command bench measures `canarize generate` against its peers and rewrites the
// tables in docs/benchmarks.md.
//
//	go run ./bench [-documents 10,1000,10000] [-rounds N] [-budget 2m] [-limit 5m] [-python PROGRAM] [-date DATE]
//
// Every contender runs in its own process, on the same input, in alternating
// rounds. The contenders in Go, except canarize, are this program, called as
// `bench PEER FILE`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/canarize/canarize/bench/section"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 2 && !strings.HasPrefix(args[0], "-") {
		return peer(args[0], args[1])
	}
	o, err := parseFlags(args)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "canarize-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := bench{options: o, dir: dir}
	if err := b.measureAll(ctx); err != nil {
		return err
	}
	return section.Replace(o.output, "generate", b.report())
}

// peer runs one of the contenders in this process, or measures the size of a
// file's trees. It runs in its own process, because the measuring process must
// stay small.
func peer(what, file string) error {
	if what != "parsed-size" {
		return child(what, file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	size, err := parsedSize(text)
	fmt.Println(size)
	return err
}

// options holds the parsed flags.
type options struct {
	documents []int
	rounds    int
	budget    time.Duration
	limit     time.Duration
	python    string
	date      string
	output    string
}

func parseFlags(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	documents := flags.String("documents", "10,1000,10000", "sizes of the input, rounded up to whole applications")
	flags.IntVar(&o.rounds, "rounds", 5, "runs of every contender")
	flags.DurationVar(&o.budget, "budget", 2*time.Minute, "time for all rounds of one contender; it runs no more rounds after that")
	flags.DurationVar(&o.limit, "limit", 5*time.Minute, "time limit of one run; a longer run is stopped")
	flags.StringVar(&o.python, "python", "python3", "a Python that has PyYAML")
	flags.StringVar(&o.date, "date", "", "the date to write next to the numbers; none if empty")
	flags.StringVar(&o.output, "o", "docs/benchmarks.md", "the file whose tables are rewritten")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.rounds < 1 {
		return o, errors.New("expected flags only, and at least one round; see -h")
	}
	for text := range strings.SplitSeq(*documents, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return o, fmt.Errorf("-documents %q: expected numbers from 1, with commas between", *documents)
		}
		o.documents = append(o.documents, n)
	}
	return o, nil
}

// bench is one run of the benchmark.
type bench struct {
	options
	dir      string // of the inputs, the outputs and the binaries
	python3  string // versions of Python and PyYAML; "" if not found
	canarize string
	sizes    []size
	start    spread // of canarize version, in seconds
	stripped int64  // bytes of the binary
	plain    int64  // with its tables for debuggers
}

// size holds the measurements for one input size.
type size struct {
	documents  int
	bytes      int
	parsed     float64 // MB of the parsed trees
	contenders []*contender
}

// contender is one of the compared programs and its measurements.
type contender struct {
	name    string
	command []string
	prints  int // objects per application
	wall    []float64
	peak    []float64 // MB
	slow    bool      // stopped at the limit
}

const (
	canarize     = "canarize generate"
	parsePrint   = "parse and print"
	scriptPython = "first script, PyYAML"
)

func (b *bench) contenders(input string) ([]*contender, error) {
	self, err := os.Executable()
	all := []*contender{
		{name: canarize, prints: 4, command: []string{b.canarize, "generate", "-w", "10", input}},
		{name: parsePrint, prints: 4, command: []string{self, "parse-and-print", input}},
		{name: "parse alone", command: []string{self, "parse", input}},
		{name: "kustomize, nameSuffix", prints: 4, command: []string{self, "kustomize", input}},
	}
	if b.python3 != "" {
		script := filepath.Join("bench", "first_script.py")
		all = append(all,
			&contender{name: scriptPython, prints: 3, command: []string{b.python, script, "python", input}},
			&contender{name: scriptPython + " on libyaml", prints: 3, command: []string{b.python, script, "libyaml", input}})
	}
	return all, err
}

func (b *bench) measureAll(ctx context.Context) error {
	if err := b.build(ctx); err != nil {
		return err
	}
	b.findPython(ctx)
	for _, n := range b.documents {
		s, err := b.measureSize(ctx, (n+documentsPerApplication-1)/documentsPerApplication)
		if err != nil {
			return err
		}
		b.sizes = append(b.sizes, s)
	}
	return b.measureStart(ctx)
}

// build builds canarize as `make build` does, and once more with debug tables
// to know their size.
func (b *bench) build(ctx context.Context) error {
	b.canarize = filepath.Join(b.dir, "canarize")
	for _, binary := range []struct {
		file  string
		flags string
		size  *int64
	}{{b.canarize, "-s -w", &b.stripped}, {b.canarize + "-plain", "", &b.plain}} {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", binary.flags, "-o", binary.file, "./cmd/canarize")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building canarize: %w: %s", err, out)
		}
		info, err := os.Stat(binary.file)
		if err != nil {
			return err
		}
		*binary.size = info.Size()
	}
	return nil
}

// findPython gets the versions of Python and PyYAML. Without them the rows of
// the first script are left out.
func (b *bench) findPython(ctx context.Context) {
	const ask = "import platform, yaml; yaml.CSafeLoader; print('Python', platform.python_version() + ', PyYAML', yaml.__version__)"
	out, err := exec.CommandContext(ctx, b.python, "-c", ask).Output()
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: PyYAML not found, leaving out the first script; to include it: python3 -m venv DIR && DIR/bin/pip install pyyaml, then -python DIR/bin/python (%s)\n", err)
		return
	}
	b.python3 = strings.TrimSpace(string(out))
}

// measureSize runs all contenders on n applications in rounds. Each round
// begins with another contender.
func (b *bench) measureSize(ctx context.Context, n int) (size, error) {
	input := filepath.Join(b.dir, strconv.Itoa(n)+".yaml")
	text := applications(n)
	s := size{documents: n * documentsPerApplication, bytes: len(text)}
	if err := os.WriteFile(input, text, 0o600); err != nil {
		return s, err
	}
	var err error
	if s.contenders, err = b.contenders(input); err != nil {
		return s, err
	}
	for round := range b.rounds {
		for i := range s.contenders {
			c := s.contenders[(round+i)%len(s.contenders)]
			if c.slow || b.spent(c) {
				continue
			}
			fmt.Fprintf(os.Stderr, "bench: %d documents, round %d of %d: %s\n", s.documents, round+1, b.rounds, c.name)
			if err := b.measure(ctx, c, n); err != nil {
				return s, err
			}
		}
	}
	s.parsed, err = b.parsedSize(ctx, input)
	return s, err
}

// spent reports whether a contender has used up its time.
func (b *bench) spent(c *contender) bool {
	var total float64
	for _, wall := range c.wall {
		total += wall
	}
	return total > b.budget.Seconds()
}

func (b *bench) parsedSize(ctx context.Context, input string) (float64, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	out, err := exec.CommandContext(ctx, self, "parsed-size", input).Output()
	if err != nil {
		return 0, fmt.Errorf("parsed size: %w", err)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// measure runs a contender once and checks its output.
func (b *bench) measure(ctx context.Context, c *contender, n int) error {
	output := filepath.Join(b.dir, "output")
	taken, err := runProcess(ctx, b.limit, output, c.command...)
	if errors.Is(err, errTooSlow) {
		c.slow = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	printed, err := countObjects(output)
	if err == nil && printed != n*c.prints {
		err = fmt.Errorf("%s printed %d objects instead of %d", c.name, printed, n*c.prints)
	}
	c.wall, c.peak = append(c.wall, taken.wall.Seconds()), append(c.peak, taken.peak)
	return err
}

const startRuns = 21

func (b *bench) measureStart(ctx context.Context) error {
	var wall []float64
	for range startRuns {
		taken, err := runProcess(ctx, b.limit, filepath.Join(b.dir, "output"), b.canarize, "version")
		if err != nil {
			return err
		}
		wall = append(wall, taken.wall.Seconds())
	}
	b.start = spreadOf(wall)
	return nil
}
