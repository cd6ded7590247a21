package pipelines

import (
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// images returns the Dockerfiles and what they build. These tests need no Docker daemon,
// and check what can be checked without one.
func images() map[string]struct{ program, entrypoint string } {
	return map[string]struct{ program, entrypoint string }{
		"Dockerfile":     {"cmd/canarize", `["/canarize"]`},
		"app/Dockerfile": {"app", `["/app"]`},
	}
}

// instructions splits a Dockerfile into instructions of one line each.
func instructions(dockerfile string) [][]string {
	var all [][]string
	for line := range strings.Lines(continuation.ReplaceAllString(dockerfile, " ")) {
		if fields := strings.Fields(line); len(fields) > 0 && !strings.HasPrefix(fields[0], "#") {
			all = append(all, fields)
		}
	}
	return all
}

func TestDockerfiles(t *testing.T) {
	for path, image := range images() {
		t.Run(path, func(t *testing.T) {
			var bases, user []string
			var entrypoint string
			for _, i := range instructions(read(t, path)) {
				switch i[0] {
				case "FROM":
					bases, user = append(bases, withoutFlags(i[1:])[0]), nil
				case "USER":
					user = i[1:]
				case "ENTRYPOINT":
					entrypoint = strings.Join(i[1:], " ")
				case "COPY":
					checkCopy(t, i[1:])
				}
			}
			if len(bases) != 2 || !strings.HasPrefix(bases[1], "gcr.io/distroless/static-") || !strings.HasSuffix(bases[1], ":nonroot") {
				t.Errorf("built from %v; want a build stage and a distroless, non-root base", bases)
			}
			for _, base := range bases {
				if tag := base[strings.LastIndex(base, "/")+1:]; !strings.Contains(tag, ":") || strings.HasSuffix(tag, ":latest") {
					t.Errorf("%s is not pinned by a tag", base)
				}
			}
			if len(user) != 1 || !regexp.MustCompile(`^[1-9][0-9]*(:[1-9][0-9]*)?$`).MatchString(user[0]) {
				t.Errorf("USER %v; runAsNonRoot needs a number other than 0", user)
			}
			if entrypoint != image.entrypoint {
				t.Errorf("ENTRYPOINT %s, want %s", entrypoint, image.entrypoint)
			}
		})
	}
}

func withoutFlags(arguments []string) []string {
	for len(arguments) > 0 && strings.HasPrefix(arguments[0], "--") {
		arguments = arguments[1:]
	}
	return arguments
}

// checkCopy checks that the context contains the copied files.
func checkCopy(t *testing.T, arguments []string) {
	t.Helper()
	if strings.HasPrefix(arguments[0], "--from=") {
		return
	}
	wanted := strings.Fields(read(t, ".dockerignore"))
	sources := withoutFlags(arguments)
	for _, source := range sources[:len(sources)-1] {
		if _, err := os.Stat(filepath.Join(root, source)); err != nil {
			t.Errorf("COPY %s: %v", source, err)
		}
		if !strings.Contains(" "+strings.Join(wanted, " ")+" ", " !"+source+" ") {
			t.Errorf("COPY %s: .dockerignore keeps it out of the context", source)
		}
	}
}

// TestImageProgramsAreStatic builds with the flags of the Dockerfile and inspects the
// result: a distroless static image has no loader and no libraries.
func TestImageProgramsAreStatic(t *testing.T) {
	for path := range images() {
		t.Run(path, func(t *testing.T) {
			program := buildAsIn(t, path)
			file, err := elf.Open(program)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = file.Close() }()
			for _, p := range file.Progs {
				if p.Type == elf.PT_INTERP {
					t.Error("needs a loader")
				}
			}
			if libraries, err := file.ImportedLibraries(); err != nil || len(libraries) > 0 {
				t.Errorf("needs %v (%v)", libraries, err)
			}
			data, err := os.ReadFile(program)
			if err != nil {
				t.Fatal(err)
			}
			if here, err := filepath.Abs(root); err != nil || bytes.Contains(data, []byte(here+"/")) {
				t.Errorf("holds the path it was built in (%v); -trimpath is missing", err)
			}
		})
	}
}

// buildAsIn runs the `go build` of a Dockerfile with a different output.
func buildAsIn(t *testing.T, dockerfile string) string {
	t.Helper()
	pattern := regexp.MustCompile(`CGO_ENABLED=0 GOOS=\$TARGETOS GOARCH=\$TARGETARCH go build (-trimpath -ldflags="([^"]*)") -o \S+ (\./\S+)`)
	match := pattern.FindStringSubmatch(continuation.ReplaceAllString(read(t, dockerfile), " "))
	if match == nil {
		t.Fatalf("%s has no static build: want %s", dockerfile, pattern)
	}
	program := filepath.Join(t.TempDir(), "program")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags="+match[2], "-o", program, match[3])
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, output)
	}
	return program
}

// TestSampleProgram runs the sample as its image does, to check exit codes and signals.
func TestSampleProgram(t *testing.T) {
	program := buildAsIn(t, "app/Dockerfile")

	refused := exec.CommandContext(t.Context(), program)
	refused.Env = []string{"SUCCESS_RATE=most"}
	output, err := refused.CombinedOutput()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 2 || !bytes.Contains(output, []byte(`SUCCESS_RATE="most"`)) {
		t.Errorf("a wrong SUCCESS_RATE gives %v:\n%s", err, output)
	}

	served := exec.CommandContext(t.Context(), program)
	served.Env = []string{"HOST=127.0.0.1", "PORT=" + freePort(t), "PROMETHEUS_PORT=" + freePort(t)}
	stderr, err := served.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := served.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stderr.Read(make([]byte, 1)); err != nil { // the first line means that it serves
		t.Fatal(err)
	}
	if err := served.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(stderr)
	if err != nil {
		t.Fatal(err)
	}
	if err := served.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	grace, most := time.Duration(deploymentGrace(t))*time.Second, time.Duration(0)
	for _, part := range []string{"settle", "finish"} {
		match := regexp.MustCompile(`msg=draining .*` + part + `=(\S+)`).FindSubmatch(said)
		if match == nil {
			t.Fatalf("it does not say how long draining takes:\n%s", said)
		}
		took, err := time.ParseDuration(string(match[1]))
		if err != nil {
			t.Fatal(err)
		}
		most += took
	}
	if most >= grace {
		t.Errorf("draining may take %s, and Kubernetes kills the pod after %s", most, grace)
	}
}

func deploymentGrace(t *testing.T) int {
	t.Helper()
	match := regexp.MustCompile(`terminationGracePeriodSeconds: (\d+)`).FindStringSubmatch(read(t, "manifests/deployment.yml"))
	if match == nil {
		t.Fatal("manifests/deployment.yml sets no terminationGracePeriodSeconds")
	}
	seconds, err := strconv.Atoi(match[1])
	if err != nil {
		t.Fatal(err)
	}
	return seconds
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
