package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/canarize/canarize/test/cluster/assets"
	"github.com/canarize/canarize/test/cluster/controlplane"
	"github.com/canarize/canarize/test/cluster/node"
)

const usage = `Usage: cluster COMMAND [flags]

  build    build etcd, kube-apiserver and kubectl into the cache; minutes the first time
  up       start a control plane and print the path of its kubeconfig
  down     end it and delete its folder, whatever condition it is in
  status   say what runs; exit 1 when not all of it does
  load-image NAME PROGRAM [KEY=VALUE …]
           make an image of a static program, with this environment, and give it to the node
  envoy    print the path of Envoy, which is downloaded when it is not there yet

Flags:
  --dir D      folder of the control plane (default: one per user in the folder for temporary files)
  --cached     envoy: fail instead of downloading it
  --attached   up: stay, and end it when standard input does, or on Ctrl-C
  --json       up, status: print everything that is known as JSON
  --node       build, up: also controllers and a node that runs pods (Linux, as root),
               with cluster DNS, the gateway and Prometheus
  --sample     up: with --node, also the sample application, from manifests/

Environment:
  CANARIZE_CACHE     folder for the binaries (default: canarize in the user's cache folder)
  CANARIZE_ENVOY     an Envoy to use instead of the downloaded one
  KUBEBUILDER_ASSETS folder with etcd, kube-apiserver, kubectl to use instead of building them
`

type streams struct {
	in       io.Reader
	out, err io.Writer
}

// errUsage makes the exit code 2.
var errUsage = errors.New("run `cluster help` for the usage")

// errDown makes the exit code 1 without a further message.
var errDown = errors.New("not everything runs")

// command is one verb with its flags parsed.
type command struct {
	streams
	dir      string
	attached bool
	cached   bool
	json     bool
	node     bool
	sample   bool
	args     []string // of load-image
}

func run(ctx context.Context, args []string, s streams) int {
	verbs := map[string]func(command, context.Context) error{
		"build": command.build, "up": command.up, "down": command.down, "status": command.status,
		"load-image": command.loadImage, "inside": command.inside,
		"envoy": command.envoy,
	}
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		fmt.Fprint(s.out, usage)
		return 0
	}
	verb, known := verbs[args[0]]
	if !known {
		fmt.Fprintf(s.err, "cluster: there is no command %q; %v\n", args[0], errUsage)
		return 2
	}
	c, err := parse(args, s)
	if err == nil {
		err = verb(c, ctx)
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errDown):
		return 1
	case errors.Is(err, errUsage):
		fmt.Fprintf(s.err, "cluster %s: %v\n", args[0], err)
		return 2
	default:
		fmt.Fprintf(s.err, "cluster %s: %v\n", args[0], err)
		return 1
	}
}

func parse(args []string, s streams) (command, error) {
	c := command{streams: s}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	defaultDir := filepath.Join(os.TempDir(), "canarize-cluster-"+strconv.Itoa(os.Getuid()))
	flags.StringVar(&c.dir, "dir", defaultDir, "")
	flags.BoolVar(&c.cached, "cached", false, "")
	flags.BoolVar(&c.attached, "attached", false, "")
	flags.BoolVar(&c.json, "json", false, "")
	flags.BoolVar(&c.node, "node", false, "")
	flags.BoolVar(&c.sample, "sample", false, "")
	err := flags.Parse(args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(s.out, usage)
		return c, err
	case err != nil:
		return c, fmt.Errorf("%w; %w", err, errUsage)
	case flags.NArg() > 0 && args[0] != "load-image":
		return c, fmt.Errorf("unexpected argument %q; %w", flags.Arg(0), errUsage)
	case c.dir == "":
		return c, fmt.Errorf("--dir is empty; %w", errUsage)
	}
	c.args = flags.Args()
	return c, nil
}

func (c command) store() (assets.Store, error) {
	here, err := os.Getwd()
	if err != nil {
		return assets.Store{}, err
	}
	s, err := assets.DefaultStore(os.Getenv, here, c.err)
	s.Complete = c.node
	return s, err
}

func (c command) assets(ctx context.Context) (assets.Assets, error) {
	store, err := c.store()
	if err != nil {
		return assets.Assets{}, err
	}
	return store.Ensure(ctx)
}

func (c command) build(ctx context.Context) error {
	if c.node {
		if err := node.Check(); err != nil {
			return err
		}
	}
	a, err := c.assets(ctx)
	if err != nil {
		return err
	}
	paths := []string{a.Etcd, a.APIServer, a.Kubectl, a.EmissaryCRDs}
	if c.node {
		source, err := c.images(a)
		if err != nil {
			return err
		}
		if err := source.Build(ctx); err != nil {
			return err
		}
		paths = append(paths, a.ControllerManager, a.Scheduler, a.Kubelet, a.KubeProxy, a.Prometheus)
	}
	for _, path := range paths {
		fmt.Fprintln(c.out, path)
	}
	return nil
}

func (c command) up(ctx context.Context) error {
	if c.node {
		if err := node.Check(); err != nil { // before the long build
			return err
		}
	}
	a, err := c.assets(ctx)
	if err != nil {
		return err
	}
	o := controlplane.Options{Dir: c.dir, Assets: a, Log: c.err, Guard: true}
	if c.node {
		if o.Node, err = c.nodeOptions(a); err != nil {
			return err
		}
	}
	state, err := controlplane.Start(ctx, o)
	if err != nil {
		return err
	}
	if c.node {
		fmt.Fprint(c.err, c.addresses(state))
	}
	if err := c.print(state, state.Kubeconfig); err != nil || !c.attached {
		return err
	}
	c.waitForTheEnd(ctx)
	return controlplane.Stop(context.WithoutCancel(ctx), c.dir)
}

// waitForTheEnd returns when standard input ends or ctx does.
func (c command) waitForTheEnd(ctx context.Context) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, c.in) // an error is an end too
	}()
	select {
	case <-ctx.Done():
	case <-ended:
	}
}

func (c command) down(ctx context.Context) error {
	return controlplane.Stop(ctx, c.dir)
}

func (c command) status(context.Context) error {
	state, err := controlplane.Inspect(c.dir)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(c.err, "cluster: there is no control plane in %s\n", c.dir)
		return errDown
	}
	if err != nil {
		return err
	}
	processes, err := controlplane.Processes(c.dir)
	if err != nil {
		return err
	}
	down := !state.Ready
	text := ""
	for _, p := range processes {
		condition := "runs"
		if !p.Running() {
			condition, down = "has ended", true
		}
		text += fmt.Sprintf("%s: process %d %s\n", p.Name, p.PID, condition)
	}
	text += c.addresses(state)
	if err := c.print(state, fmt.Sprintf("%skubeconfig: %s", text, state.Kubeconfig)); err != nil {
		return err
	}
	if down {
		return errDown
	}
	return nil
}

// print prints state as JSON with --json, and text otherwise.
func (c command) print(state controlplane.State, text string) error {
	if !c.json {
		_, err := fmt.Fprintln(c.out, text)
		return err
	}
	return json.NewEncoder(c.out).Encode(state)
}
