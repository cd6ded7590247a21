// Command gateway replaces Emissary-ingress in a test cluster. It runs a real Envoy and a
// control plane that configures it as Emissary would, by internal/route/emissary/model. It is
// never more tolerant than Emissary.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/test/cluster/gateway/control"
	"github.com/canarize/canarize/test/cluster/gateway/envoy"
	"github.com/canarize/canarize/test/cluster/gateway/envoyconf"
	"github.com/canarize/canarize/test/cluster/gateway/fault"
	"github.com/canarize/canarize/test/cluster/gateway/watch"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stderr))
}

// options are the parsed flags.
type options struct {
	kubeconfig  string
	envoy       string
	dir         string
	bind        string
	admin       string
	diagnostics string
	await       string
	faults      string
	byEndpoints bool
	upstreams   map[string]envoyconf.Endpoint // by service.namespace:port
	emissary    model.Options
}

func parse(args []string, errs io.Writer) (options, error) {
	o := options{emissary: model.Options{Complete: true, Running: true}, upstreams: map[string]envoyconf.Endpoint{}}
	flags := flag.NewFlagSet("gateway", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "how to reach the API server; empty: as a pod does")
	flags.StringVar(&o.envoy, "envoy", "envoy", "path of Envoy")
	flags.StringVar(&o.dir, "dir", "", "existing folder for Envoy's configuration")
	flags.StringVar(&o.bind, "bind", "0.0.0.0", "address the ports of Listeners are opened on")
	flags.StringVar(&o.admin, "admin", "127.0.0.1:8001", "address of Envoy's admin interface")
	flags.StringVar(&o.diagnostics, "diagnostics", ":8877", "address of metrics and diagnostics")
	flags.StringVar(&o.faults, "faults", "", "address where tests make the gateway unwell; empty: nowhere")
	flags.StringVar(&o.await, "await", "", "`NAME` to be found before Envoy starts: where cluster DNS starts at the same time, as Envoy asks for names again only every 5 s")
	flags.BoolVar(&o.byEndpoints, "by-endpoints", false, "send requests to the addresses in EndpointSlices, where Services have no addresses that work")
	flags.Func("upstream", "`SERVICE.NAMESPACE:PORT=ADDRESS:PORT`: where a Service is, with --by-endpoints; repeatable. EndpointSlices cannot have addresses of this machine itself", o.addUpstream)
	flags.StringVar(&o.emissary.Namespace, "namespace", "emissary", "namespace Emissary would run in")
	flags.StringVar(&o.emissary.AmbassadorID, "ambassador-id", "default", "objects for other ids are ignored")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.dir == "" || flags.NArg() > 0 {
		return o, errors.New("give --dir, and nothing that is not a flag")
	}
	return o, nil
}

func (o *options) addUpstream(arg string) error {
	service, address, _ := strings.Cut(arg, "=")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	o.upstreams[service] = envoyconf.Endpoint{Address: host, Port: n}
	return nil
}

// Exit codes are canarize's own: 1 failed, 2 wrong usage.
func run(ctx context.Context, args []string, errs io.Writer) int {
	o, err := parse(args, errs)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(errs, "gateway:", err)
		return 2
	}
	if err := serve(ctx, o, errs); err != nil {
		fmt.Fprintln(errs, "gateway:", err)
		return 1
	}
	return 0
}

// serve runs Envoy, the control plane and the diagnostics until ctx ends or one of
// them does; then the others end too, so that a pod is never half alive. Envoy starts
// with the first valid configuration, as in Emissary.
func serve(ctx context.Context, o options, errs io.Writer) error {
	host, port, err := net.SplitHostPort(o.admin)
	if err != nil {
		return fmt.Errorf("--admin: %w", err)
	}
	adminPort, err := strconv.Atoi(port)
	if err != nil {
		return fmt.Errorf("--admin: %w", err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return fmt.Errorf("find the API server: %w", err)
	}
	if err := awaitName(ctx, o.await); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	source, err := watch.Start(ctx, config)
	if err != nil {
		return err
	}
	proxy := envoy.Envoy{Path: o.envoy, Admin: o.admin, Log: errs}
	start := make(chan struct{})
	c := &control.Controller{
		Source: source, Proxy: proxy, Options: o.emissary, Upstreams: o.upstreams,
		Site:   envoyconf.Site{Dir: o.dir, Bind: o.bind, AdminHost: host, AdminPort: adminPort, ByEndpoints: o.byEndpoints},
		Log:    slog.New(slog.NewTextHandler(errs, nil)),
		Faults: fault.New(),
		Start: func(ctx context.Context) error {
			close(start)
			return proxy.AwaitReady(ctx)
		},
	}
	bootstrap, err := c.Prepare()
	if err != nil {
		return err
	}
	parts := []func(context.Context) error{
		func(ctx context.Context) error {
			select {
			case <-start:
				return proxy.Run(ctx, bootstrap)
			case <-ctx.Done():
				return nil
			}
		},
		listen("--diagnostics", o.diagnostics, c.Handler(proxy, time.Now())),
		c.Run,
	}
	if o.faults != "" {
		parts = append(parts, listen("--faults", o.faults, c.Faults.Handler()))
	}
	return together(ctx, parts)
}

// together runs parts until ctx ends or one of them does, and then ends the others.
func together(ctx context.Context, parts []func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(parts))
	for _, part := range parts {
		go func() { ended <- part(ctx) }()
	}
	err := <-ended
	interrupted := ctx.Err() != nil
	cancel()
	for range len(parts) - 1 {
		<-ended
	}
	if interrupted {
		return nil
	}
	return err
}

// listen serves HTTP at an address until ctx ends.
func listen(flag, address string, handler http.Handler) func(context.Context) error {
	return func(ctx context.Context) error {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("%s: %w", flag, err)
		}
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
		defer context.AfterFunc(ctx, func() { _ = server.Close() })() // it only serves what is about to be gone
		return server.Serve(listener)
	}
}

// nameLimit is for a busy machine; cluster DNS is up in a second or two.
const nameLimit = 2 * time.Minute

// awaitName waits until cluster DNS resolves a name. It returns at once for an empty name.
func awaitName(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, nameLimit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		// A query that is sent before DNS runs is never answered.
		try, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		_, err := net.DefaultResolver.LookupHost(try, name)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("--await %s: %w", name, err)
		case <-tick.C:
		}
	}
}
