package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/plan"
)

// parse parses flags into options.
func parse(t *testing.T, args ...string) (plan.Options, error) {
	t.Helper()
	var f generateFlags
	flags := pflag.NewFlagSet("generate", pflag.ContinueOnError)
	f.register(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return f.options()
}

func TestValidFlags(t *testing.T) {
	for _, c := range []struct {
		args []string
		have func(plan.Options) any
		want string
	}{
		{nil, func(o plan.Options) any { return o.Weight == nil }, "true"},
		{[]string{"-w", "0"}, func(o plan.Options) any { return *o.Weight }, "0"},
		{[]string{"-w", "7"}, func(o plan.Options) any { return *o.Weight }, "7"},
		{[]string{"-w", "05"}, func(o plan.Options) any { return *o.Weight }, "5"},
		{[]string{"-w", "100"}, func(o plan.Options) any { return *o.Weight }, "100"},
		{[]string{"--canary-weight=0.25"}, func(o plan.Options) any { return []int{*o.Weight, o.Digits} }, "[4 1]"},
		{[]string{"--canary-weight=.00390625%"}, func(o plan.Options) any { return []int{*o.Weight, o.Digits} }, "[1 2]"},
		{[]string{"--canary-weight=0.0"}, func(o plan.Options) any { return []int{*o.Weight, o.Digits} }, "[0 0]"},
		{[]string{"--canary-weight=25%"}, func(o plan.Options) any { return *o.Weight }, "25"},
		{[]string{"-w", "1", "-w", "2"}, func(o plan.Options) any { return *o.Weight }, "2"},
		{nil, func(o plan.Options) any { return o.Canary.Suffix }, "-canary"},
		{[]string{"-s", "green"}, func(o plan.Options) any { return o.Canary.Suffix }, "-green"},
		{[]string{"-s", "-v2"}, func(o plan.Options) any { return o.Canary.Suffix }, "-v2"},
		{[]string{"-l", "a=b,c=", "-l", "example.com/d=e.f_g-h"}, func(o plan.Options) any { return o.Canary.Labels }, "map[a:b c: example.com/d:e.f_g-h]"},
		{[]string{"-l", "a=b", "-l", "a=b"}, func(o plan.Options) any { return o.Canary.Labels }, "map[a:b]"},
		{nil, func(o plan.Options) any { return o.Canary.Replicas.Mode }, fmt.Sprint(canary.ReplicasByWeight)},
		{[]string{"--replicas", "same"}, func(o plan.Options) any { return o.Canary.Replicas.Mode }, fmt.Sprint(canary.ReplicasSame)},
		{[]string{"--replicas", "3"}, func(o plan.Options) any { return o.Canary.Replicas.N }, "3"},
		{[]string{"--include", "sts/db", "--include", "Deployment/web", "--include", "prod/deploy/web"}, func(o plan.Options) any { return o.Canary.Include }, "[StatefulSet/db Deployment/web prod/Deployment/web]"},
		{[]string{"-n", "blue"}, func(o plan.Options) any { return o.Canary.Namespace }, "blue"},
		{[]string{"-I", "a:1", "-I", "web=r:5000/b@sha256:" + strings.Repeat("ab", 32)}, func(o plan.Options) any { return o.Canary.Images }, "[{ a:1} {web r:5000/b@sha256:" + strings.Repeat("ab", 32) + "}]"},
		{[]string{"-m", "-P", "/a/", "--hostname", "*.example.com:8080"}, func(o plan.Options) any { return []any{o.GenerateMapping, o.Prefix, o.Hostname} }, "[true /a/ *.example.com:8080]"},
	} {
		o, err := parse(t, c.args...)
		if err != nil {
			t.Errorf("%q: %v", c.args, err)
			continue
		}
		if have := fmt.Sprint(c.have(o)); have != c.want {
			t.Errorf("%q: %s instead of %s", c.args, have, c.want)
		}
	}
}

// TestInvalidFlags: every error begins with the wrong flag.
func TestInvalidFlags(t *testing.T) {
	for flag, values := range map[string][]string{
		"--canary-weight":      {"", " ", "abc", "-1", "+1", "101", "1000", "0.1", "1.5", "0.25.1", "00.25", "0.", "0.000000001", "1e1", "5%%", "%", "1_0", "٣", "0x1"},
		"--suffix":             {"", "-", "a_b", "A", "a.b", "a-", "a b", strings.Repeat("a", 32), "é"},
		"--labels":             {"", "a", "=b", "a=b,", "a=b c", "a=b,a=c", "-a=b", "a..b/c=d", "/a=b", "a/b/c=d", "a=" + strings.Repeat("x", 64), strings.Repeat("x", 64) + "=a", "canarize.dev/track=x", "a=b=c", "a=b\nc"},
		"--replicas":           {"", "0", "-1", "1.5", "all", "2147483648", "Same"},
		"--include":            {"", "db", "/db", "sts/"},
		"--image":              {"", "=a", "a=", "A/B/C", "a:", "a@", "a@sha256:12", "a b", "a:b:c", "/a", "a/", "a//b", "https://a/b", "$A", "a:" + strings.Repeat("x", 129), "a\n"},
		"--namespace":          {"A", "a_b", "a.b", "-a", strings.Repeat("a", 64), "a\n"},
		"--emissary-namespace": {"", "A", "a b"},
		"--prefix":             {"", "a", "/a b", "/a\n", "/é"},
		"--hostname":           {"", "a b", "a/b", "http://a", "a\x1b"},
		"--stable":             {"x"},
	} {
		for _, value := range values {
			if _, err := parse(t, flag+"="+value); err == nil {
				t.Errorf("%s=%q is accepted", flag, value)
			} else if !strings.HasPrefix(err.Error(), flag) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%s=%q: the error is %q", flag, value, err)
			}
		}
	}
	if _, err := parse(t, "--baseline"); err == nil || !strings.HasPrefix(err.Error(), "--baseline: pass --stable") {
		t.Errorf("--baseline alone: %v", err)
	}
	if _, err := parse(t, "-I", "a:1", "-I", "docker.io/library/a:2"); err == nil || !strings.HasPrefix(err.Error(), "--image: ") {
		t.Errorf("two images for one repository: %v", err)
	}
}
