package assets

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func here(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestVersionsAreThoseOfTheGoModFiles(t *testing.T) {
	source := locate(here(t))
	for _, c := range []struct{ file, module, version string }{
		{"go.mod", "k8s.io/kubernetes", KubernetesVersion},
		{"etcd/go.mod", "go.etcd.io/etcd/server/v3", EtcdVersion},
		{"emissary/go.mod", emissaryModule, EmissaryVersion},
		{"prometheus/go.mod", prometheusModule, PrometheusVersion},
	} {
		b, err := os.ReadFile(filepath.Join(source, c.file))
		if err != nil {
			t.Fatal(err)
		}
		require := regexp.MustCompile(`(?m)^(?:require |\t)` + regexp.QuoteMeta(c.module) + ` v(\S+)`)
		m := require.FindSubmatch(b)
		if m == nil || string(m[1]) != c.version {
			t.Errorf("%s requires %q, the constant says %s %s", c.file, m, c.module, c.version)
		}
	}
}

func TestStagingModulesHaveTheVersionOfKubernetes(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(locate(here(t)), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	want := "v0" + strings.TrimPrefix(KubernetesVersion, "1")
	replaces := regexp.MustCompile(`(?m)^\t(k8s\.io/\S+) => (\S+) (\S+)$`).FindAllStringSubmatch(string(b), -1)
	if len(replaces) < 30 {
		t.Fatalf("%d replaces of staging modules, expected more than 30", len(replaces))
	}
	for _, r := range replaces {
		if r[1] != r[2] || r[3] != want {
			t.Errorf("replace %s, expected %s %s", r[0], r[1], want)
		}
	}
}

func TestInstalledBinariesAreUsedAsTheyAre(t *testing.T) {
	installed, cache := t.TempDir(), t.TempDir()
	for _, name := range []string{"etcd", "kube-apiserver", "kubectl"} {
		if err := os.WriteFile(filepath.Join(installed, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	a, missing := Store{Dir: cache, Installed: installed, Log: io.Discard}.find()
	if a.Etcd != filepath.Join(installed, "etcd") || a.APIServer != filepath.Join(installed, "kube-apiserver") ||
		a.Kubectl != filepath.Join(installed, "kubectl") {
		t.Errorf("found %+v, expected all in %s", a, installed)
	}
	if len(missing) != 1 {
		t.Errorf("%d things to make, expected only the CRDs", len(missing))
	}
}

func TestAForeignBinaryInTheCacheIsNotTaken(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range programs() {
		if p.builtAt(self) {
			t.Errorf("the test binary counts as %s %s", p.name, p.version)
		}
		if p.builtAt(filepath.Join(t.TempDir(), "nothing")) {
			t.Errorf("a missing file counts as %s", p.name)
		}
	}
}

// TestBuildingIsNotSilent checks that a build is announced at once, and again every minute.
func TestBuildingIsNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		build := func(took time.Duration, err error) func(context.Context) error {
			return func(context.Context) error {
				time.Sleep(took)
				return err
			}
		}
		broken := errors.New("broken")
		err := Store{Log: &said}.make(t.Context(), []task{
			{"etcd 3", 90 * time.Second, build(150*time.Second, nil)},
			{"kubectl 1", 10 * time.Second, build(time.Second, broken)},
			{"the rest", 10 * time.Second, nil},
		})
		want := `cluster: getting etcd 3, kubectl 1, the rest, once for this machine; with two cores that usually takes about 2 minutes
cluster: still at etcd 3, for 1m0s
cluster: still at etcd 3, for 2m0s
`
		if !errors.Is(err, broken) || said.String() != want {
			t.Errorf("%v\n%s", err, said.String())
		}
	})
}

func TestWithoutSourceTheErrorNamesTheCommand(t *testing.T) {
	_, err := Store{Dir: t.TempDir(), Log: io.Discard}.Ensure(t.Context())
	if err == nil || !strings.Contains(err.Error(), "go -C test/cluster run . build") {
		t.Errorf("error %v, expected one that names the command to run", err)
	}
}

func TestLockWaitsAndIsInterrupted(t *testing.T) {
	s := Store{Dir: t.TempDir(), Log: io.Discard}
	unlock, err := s.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.lock(short); err == nil {
		t.Error("a second lock was given while the first was held")
	}
	unlock()
	again, err := s.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again()
}

func TestLocate(t *testing.T) {
	source := locate(here(t))
	if source == "" || locate(filepath.Join(source, "etcd")) != source || locate(filepath.Dir(source)) != source ||
		locate(filepath.Dir(filepath.Dir(source))) != source {
		t.Errorf("locate found %q, and not the same from elsewhere in the checkout", source)
	}
	if got := locate(t.TempDir()); got != "" {
		t.Errorf("locate found %q in an empty folder", got)
	}
}
