package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/canarize/canarize/test/cluster/process"
)

const (
	loopback = "127.0.0.1"
	// startLimit is for a busy machine; a second or three are usual.
	startLimit = 2 * time.Minute
	attempts   = 3
)

// component is one program of the control plane.
type component struct {
	name  string
	path  string
	ports int // how many it needs
	args  func(ports []int) []string
	url   func(ports []int) string
	ready func(ctx context.Context, url string) error // nil when it is ready
}

func etcdComponent(o Options) component {
	url := func(port int) string { return "http://" + net.JoinHostPort(loopback, strconv.Itoa(port)) }
	return component{
		name:  "01-etcd",
		path:  o.Assets.Etcd,
		ports: 2,
		args: func(p []int) []string {
			return []string{
				"--data-dir=" + filepath.Join(o.Dir, "etcd"),
				"--unsafe-no-fsync", // nothing in it is to survive
				"--listen-client-urls=" + url(p[0]),
				"--advertise-client-urls=" + url(p[0]),
				"--listen-peer-urls=" + url(p[1]),
				"--initial-advertise-peer-urls=" + url(p[1]),
				"--initial-cluster=default=" + url(p[1]),
				"--log-level=warn",
			}
		},
		url:   func(p []int) string { return url(p[0]) },
		ready: func(ctx context.Context, url string) error { return plainClient().healthy(ctx, url+"/health") },
	}
}

func apiserverComponent(o Options, k keys, etcd string) component {
	return component{
		name:  "02-kube-apiserver",
		path:  o.Assets.APIServer,
		ports: 1,
		args: func(p []int) []string {
			return []string{
				"--etcd-servers=" + etcd,
				"--bind-address=" + loopback,
				"--advertise-address=" + loopback,
				"--secure-port=" + strconv.Itoa(p[0]),
				"--tls-cert-file=" + k.serverCert,
				"--tls-private-key-file=" + k.serverKey,
				"--client-ca-file=" + k.caCert,
				"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
				"--service-account-key-file=" + k.accountPublic,
				"--service-account-signing-key-file=" + k.accountKey,
				"--service-cluster-ip-range=" + serviceRange,
				"--authorization-mode=Node,RBAC",
				"--endpoint-reconciler-type=none",
				"--allow-privileged=true",
			}
		},
		url: func(p []int) string { return "https://" + net.JoinHostPort(loopback, strconv.Itoa(p[0])) },
		ready: func(ctx context.Context, url string) error {
			c, err := newClient(url, k)
			if err != nil {
				return err
			}
			defer c.close()
			return c.healthy(ctx, url+"/readyz")
		},
	}
}

// launcher starts components and waits for them.
type launcher struct {
	dir   string
	table process.Table
	log   io.Writer
}

// errEnded means that a component ended instead of becoming ready.
var errEnded = errors.New("ended instead of becoming ready")

// launch starts c on free ports and returns its URL once it is ready. Between
// being found free and being used a port can be taken by somebody else, so
// when that happens c is started once more.
func (l launcher) launch(ctx context.Context, c component) (string, error) {
	for attempt := 1; ; attempt++ {
		url, log, err := l.try(ctx, c)
		if err == nil {
			return url, nil
		}
		output, _ := os.ReadFile(log) // for the message only
		if attempt < attempts && errors.Is(err, errEnded) && bytes.Contains(output, []byte("address already in use")) {
			if err := os.Remove(log); err != nil {
				return "", err
			}
			continue
		}
		return "", fmt.Errorf("%s: %w; the end of its output:\n%s", c.name[len("00-"):], err, lastLines(output, 15))
	}
}

func (l launcher) try(ctx context.Context, c component) (url, log string, err error) {
	log = filepath.Join(l.dir, c.name[len("00-"):]+".log")
	ports, err := freePorts(ctx, c.ports)
	if err != nil {
		return "", log, err
	}
	began := time.Now()
	child, err := l.table.Start(process.Command{Name: c.name, Path: c.path, Args: c.args(ports), Log: log})
	if err != nil {
		return "", log, err
	}
	url = c.url(ports)
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("not ready after %s", startLimit))
	defer cancel()
	for {
		notReady := c.ready(ctx, url)
		if notReady == nil {
			fmt.Fprintf(l.log, "cluster: %s is ready at %s after %.1f s\n", c.name[len("00-"):], url, time.Since(began).Seconds())
			return url, log, nil
		}
		select {
		case <-child.Ended:
			return "", log, errEnded
		case <-ctx.Done():
			return "", log, fmt.Errorf("%w (%w)", context.Cause(ctx), notReady)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// freePorts finds n different free TCP ports.
func freePorts(ctx context.Context, n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(loopback, "0"))
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close() // all stay open until all are found, so they differ
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

func lastLines(b []byte, n int) []byte {
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-n):], []byte("\n"))
}
