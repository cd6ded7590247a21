package main

import (
	"net"
	"strings"
	"testing"
	"time"
)

// environment makes a getenv from pairs.
func environment(pairs ...string) func(string) string {
	values := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return values[name] }
}

func TestParseConfigAccepts(t *testing.T) {
	defaults := config{successRate: 100, appAddress: ":8080", metricsAddr: ":8000"}
	for name, test := range map[string]struct {
		env  []string
		want func(*config)
	}{
		"nothing set":      {nil, func(*config) {}},
		"empty is not set": {[]string{"SUCCESS_RATE", "", "PORT", ""}, func(*config) {}},
		"whole percent":    {[]string{"SUCCESS_RATE", "98"}, func(c *config) { c.successRate = 98 }},
		"decimal percent":  {[]string{"SUCCESS_RATE", "99.5"}, func(c *config) { c.successRate = 99.5 }},
		"lowest":           {[]string{"SUCCESS_RATE", "0"}, func(c *config) { c.successRate = 0 }},
		"highest":          {[]string{"SUCCESS_RATE", "100.0"}, func(c *config) {}},
		"ports": {[]string{"PORT", "1", "PROMETHEUS_PORT", "65535"}, func(c *config) {
			c.appAddress, c.metricsAddr = ":1", ":65535"
		}},
		"host": {[]string{"HOST", "127.0.0.1"}, func(c *config) {
			c.appAddress, c.metricsAddr = "127.0.0.1:8080", "127.0.0.1:8000"
		}},
		"host of IPv6": {[]string{"HOST", "::1"}, func(c *config) {
			c.appAddress, c.metricsAddr = "[::1]:8080", "[::1]:8000"
		}},
		"latency": {[]string{"LATENCY_MS", "12.5", "LATENCY_P99_MS", "60000"}, func(c *config) {
			c.latency, c.latencyP99 = 12500*time.Microsecond, time.Minute
		}},
		"equal latencies": {[]string{"LATENCY_MS", "20", "LATENCY_P99_MS", "20"}, func(c *config) {
			c.latency, c.latencyP99 = 20*time.Millisecond, 20*time.Millisecond
		}},
		"version": {[]string{"VERSION", "1.4.2-rc.1+abc"}, func(c *config) { c.version = "1.4.2-rc.1+abc" }},
	} {
		t.Run(name, func(t *testing.T) {
			want := defaults
			test.want(&want)
			got, err := parseConfig(environment(test.env...))
			if err != nil || got != want {
				t.Errorf("got %+v, %v; want %+v", got, err, want)
			}
		})
	}
}

func TestParseConfigRefuses(t *testing.T) {
	for _, test := range []struct{ name, value, hint string }{
		{"SUCCESS_RATE", "101", "0 to 100"},
		{"SUCCESS_RATE", "100.001", "0 to 100"},
		{"SUCCESS_RATE", "-1", "0 to 100"},
		{"SUCCESS_RATE", "+1", "0 to 100"},
		{"SUCCESS_RATE", "98%", "0 to 100"},
		{"SUCCESS_RATE", "99,5", "99.5"},
		{"SUCCESS_RATE", " 99", "0 to 100"},
		{"SUCCESS_RATE", "NaN", "0 to 100"},
		{"SUCCESS_RATE", "Inf", "0 to 100"},
		{"SUCCESS_RATE", "1e1", "0 to 100"},
		{"SUCCESS_RATE", "0x10", "0 to 100"},
		{"SUCCESS_RATE", ".5", "0 to 100"},
		{"SUCCESS_RATE", "most", "0 to 100"},
		{"PORT", "0", "1 to 65535"},
		{"PORT", "65536", "1 to 65535"},
		{"PORT", "-80", "1 to 65535"},
		{"PORT", "http", "such as 8080"},
		{"PORT", "8000", "it equals PORT"},
		{"PROMETHEUS_PORT", "8000.0", "such as 8000"},
		{"PROMETHEUS_PORT", "tcp://10.0.0.1:9090", "enableServiceLinks: false"},
		{"HOST", "127.0.0.1:8080", "without a port"},
		{"HOST", "http://localhost", "without a port"},
		{"HOST", "a b", "IP address"},
		{"LATENCY_MS", "60001", "0 to 60000"},
		{"LATENCY_MS", "1s", "milliseconds"},
		{"LATENCY_P99_MS", "-5", "milliseconds"},
		{"VERSION", "1\r\nSet-Cookie: a=b", "ASCII"},
		{"VERSION", "one two", "without spaces"},
		{"VERSION", "é", "ASCII"},
		{"VERSION", strings.Repeat("9", 129), "128"},
	} {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			_, err := parseConfig(environment(test.name, test.value))
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range []string{"PORT", test.hint} {
				if want == "PORT" && !strings.Contains(test.name, "PORT") {
					want = test.name
				}
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}

func TestParseConfigReportsEveryProblem(t *testing.T) {
	_, err := parseConfig(environment("SUCCESS_RATE", "x", "PORT", "y", "LATENCY_MS", "20", "LATENCY_P99_MS", "10"))
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{`SUCCESS_RATE="x"`, `PORT="y"`, `LATENCY_P99_MS="10"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not mention %s", err, want)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add("100", "", "8080", "8000", "0", "0", "1")
	f.Add("99.5", "::1", "1", "65535", "1.5", "60000", "v1.2.3")
	f.Add("NaN", "[::]", "tcp://10.0.0.1:80", "0", "-1", "1e3", "a\nb")
	f.Fuzz(func(t *testing.T, rate, host, port, metricsPort, latency, slow, version string) {
		cfg, err := parseConfig(environment("SUCCESS_RATE", rate, "HOST", host, "PORT", port,
			"PROMETHEUS_PORT", metricsPort, "LATENCY_MS", latency, "LATENCY_P99_MS", slow, "VERSION", version))
		if err != nil {
			return
		}
		if !(cfg.successRate >= 0 && cfg.successRate <= 100) {
			t.Errorf("success rate %v from %q", cfg.successRate, rate)
		}
		for _, d := range []time.Duration{cfg.latency, cfg.latencyP99} {
			if d < 0 || d > maxLatency {
				t.Errorf("latency %v from %q and %q", d, latency, slow)
			}
		}
		for _, address := range []string{cfg.appAddress, cfg.metricsAddr} {
			if gotHost, gotPort, err := net.SplitHostPort(address); err != nil || gotHost != host || gotPort == "0" {
				t.Errorf("address %q from host %q: %v", address, host, err)
			}
		}
		if cfg.appAddress == cfg.metricsAddr || strings.ContainsAny(cfg.version, "\r\n\x00 ") {
			t.Errorf("accepted %+v", cfg)
		}
	})
}
