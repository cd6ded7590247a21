package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxLatency limits LATENCY_MS and LATENCY_P99_MS, because the server's write
// timeout must be longer than any answer.
const maxLatency = time.Minute

// config is the parsed environment. Code below this file gets no string that it
// must still check.
type config struct {
	successRate float64 // percent of requests answered with 200, 0 to 100
	appAddress  string  // host:port of the application
	metricsAddr string  // host:port of /metrics
	latency     time.Duration
	latencyP99  time.Duration // the latency of 1 % of the requests; 0 if unset
	version     string        // value of the X-Version header; empty for none
}

// parseConfig reads the configuration with getenv. An empty variable counts as
// unset. The error reports all wrong values together, so that one restart of
// the pod is enough to fix them.
func parseConfig(getenv func(string) string) (config, error) {
	p := parser{getenv: getenv}
	cfg := config{
		successRate: p.decimal("SUCCESS_RATE", 100, 100, "percent"),
		latency:     p.milliseconds("LATENCY_MS"),
		latencyP99:  p.milliseconds("LATENCY_P99_MS"),
		version:     p.headerValue("VERSION"),
	}
	host := p.host("HOST")
	port, metricsPort := p.port("PORT", 8080), p.port("PROMETHEUS_PORT", 8000)
	if port == metricsPort {
		p.wrong("PROMETHEUS_PORT", strconv.Itoa(metricsPort), "it equals PORT; give each port its own number")
	}
	if cfg.latencyP99 != 0 && cfg.latencyP99 < cfg.latency {
		p.wrong("LATENCY_P99_MS", getenv("LATENCY_P99_MS"),
			"it is below LATENCY_MS, but the slowest 1 % cannot be faster than the rest; raise it or unset it")
	}
	cfg.appAddress = net.JoinHostPort(host, strconv.Itoa(port))
	cfg.metricsAddr = net.JoinHostPort(host, strconv.Itoa(metricsPort))
	return cfg, errors.Join(p.problems...)
}

// parser collects the problems of all variables.
type parser struct {
	getenv   func(string) string
	problems []error
}

func (p *parser) wrong(name, value, want string) {
	p.problems = append(p.problems, fmt.Errorf("environment variable %s=%q: %s", name, value, want))
}

// plainDecimal is stricter than strconv.ParseFloat, which also accepts "NaN",
// "Inf", "1e2" and "0x64". Nobody means those as a percentage.
var plainDecimal = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,9})?$`)

// decimal reads a number from 0 to limit.
func (p *parser) decimal(name string, unset, limit float64, unit string) float64 {
	value := p.getenv(name)
	if value == "" {
		return unset
	}
	number, err := strconv.ParseFloat(value, 64)
	if err != nil || !plainDecimal.MatchString(value) || number > limit {
		p.wrong(name, value, fmt.Sprintf("want %s from 0 to %g, whole or decimal, such as 99 or 99.5", unit, limit))
		return unset
	}
	return number
}

func (p *parser) milliseconds(name string) time.Duration {
	limit := float64(maxLatency / time.Millisecond)
	return time.Duration(p.decimal(name, 0, limit, "milliseconds") * float64(time.Millisecond))
}

func (p *parser) port(name string, unset int) int {
	value := p.getenv(name)
	if value == "" {
		return unset
	}
	if strings.HasPrefix(value, "tcp://") {
		p.wrong(name, value, "Kubernetes has set this for a Service of the same name; "+
			"put `enableServiceLinks: false` into the pod's spec")
		return unset
	}
	number, err := strconv.ParseUint(value, 10, 16)
	if err != nil || number == 0 {
		p.wrong(name, value, fmt.Sprintf("want a port from 1 to 65535, such as %d", unset))
		return unset
	}
	return int(number)
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)

// host reads an address to listen on. Empty means all addresses.
func (p *parser) host(name string) string {
	value := p.getenv(name)
	if value == "" || hostName.MatchString(value) {
		return value
	}
	if _, err := netip.ParseAddr(value); err == nil {
		return value
	}
	p.wrong(name, value, "want an IP address or a host name without a port, such as 127.0.0.1; unset it to listen everywhere")
	return ""
}

// visible matches the header values that reach the client unchanged.
var visible = regexp.MustCompile(`^[!-~]{1,128}$`)

func (p *parser) headerValue(name string) string {
	value := p.getenv(name)
	if value == "" || visible.MatchString(value) {
		return value
	}
	p.wrong(name, value, "want up to 128 printable ASCII characters without spaces, such as 1.4.2, because it becomes a response header")
	return ""
}
