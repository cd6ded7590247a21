package pipelines

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// finding is a complaint of Microsoft's language service.
type finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Message string `json:"message"`
}

// service returns node and the schema. It skips the test with a line that says how to get
// them if they are missing.
func service(t *testing.T) (node, schema string) {
	t.Helper()
	schema = os.Getenv("AZURE_PIPELINES_SCHEMA")
	if schema == "" {
		t.Skip("AZURE_PIPELINES_SCHEMA is not set: install the Azure Pipelines extension of VS Code and set it to the path of its service-schema.json")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: install Node.js 20 or later and run `npm ci` in test/pipelines")
	}
	if _, err := os.Stat("node_modules/azure-pipelines-language-service"); err != nil {
		t.Fatal("AZURE_PIPELINES_SCHEMA is set, but the language service is not installed: run `npm ci` in test/pipelines")
	}
	return node, schema
}

// validate runs validate.js on files.
func validate(t *testing.T, files ...string) []finding {
	t.Helper()
	node, schema := service(t)
	command := exec.CommandContext(t.Context(), node, append([]string{"validate.js", schema}, files...)...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("validate.js: %v\n%s", err, &stderr)
	}
	var found []finding
	if err := json.Unmarshal(output, &found); err != nil {
		t.Fatalf("validate.js printed %q: %v", output, err)
	}
	return found
}

// pipelineFiles returns the pipeline, the examples and all templates.
func pipelineFiles(t *testing.T) []string {
	t.Helper()
	files := []string{filepath.Join(root, "azure-pipelines.yml")}
	for _, pattern := range []string{"templates/*.yml", "templates/*/*.yml", "examples/azure-pipelines/*.yml"} {
		more, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, more...)
	}
	return files
}

// documented writes each pipeline in docs/azure-pipelines.md to a file.
func documented(t *testing.T) []string {
	t.Helper()
	var files []string
	for i, block := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```").FindAllStringSubmatch(read(t, "docs/azure-pipelines.md"), -1) {
		if !regexp.MustCompile(`(?m)^(steps|jobs|stages):`).MatchString(block[1]) {
			continue // Kubernetes objects
		}
		file := filepath.Join(t.TempDir(), fmt.Sprintf("block-%d.yml", i))
		if err := os.WriteFile(file, []byte(block[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if len(files) < 2 {
		t.Errorf("%d pipelines in docs/azure-pipelines.md", len(files))
	}
	return files
}

func TestSchema(t *testing.T) {
	for _, f := range validate(t, append(pipelineFiles(t), documented(t)...)...) {
		t.Errorf("%s:%d: %s", f.File, f.Line, f.Message)
	}
}

// TestSchemaCatches plants errors, because a validator without its schema finds none.
func TestSchemaCatches(t *testing.T) {
	service(t)
	const sample, canary, stages = "azure-pipelines.yml", "templates/canary-jobs.yml", "templates/release-stages.yml"
	for name, test := range map[string]struct{ file, old, planted string }{
		"misspelt key":            {sample, "dependsOn: Build", "dependOn: Build"},
		"misspelt step":           {sample, "- publish: ", "- publsh: "},
		"wrong hook":              {canary, "routeTraffic:", "shiftTraffic:"},
		"wrong hook of on":        {canary, "failure:", "failed:"},
		"wrong strategy":          {canary, "canary:\n        increments", "canari:\n        increments"},
		"wrong enum of a task":    {sample, "command: push", "command: shove"},
		"wrong enum of lock":      {sample, "lockBehavior: sequential", "lockBehavior: parallel"},
		"unknown input":           {sample, "buildContext:", "buildKontext:"},
		"unknown task":            {sample, "task: GoTool@0", "task: GoTool@99"},
		"key of another level":    {canary, "cancelTimeoutInMinutes: 15", "cancelTimeout: 15"},
		"wrong type of a stage":   {stages, "type: stepList", "type: stepLists"},
		"wrong key of a template": {sample, "- template: templates", "- templates: templates"},
	} {
		t.Run(name, func(t *testing.T) {
			valid := read(t, test.file)
			broken := strings.Replace(valid, test.old, test.planted, 1)
			if broken == valid {
				t.Fatalf("%s does not contain %q; plant the error elsewhere", test.file, test.old)
			}
			file := filepath.Join(t.TempDir(), "azure-pipelines.yml")
			if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
				t.Fatal(err)
			}
			found := validate(t, file)
			if len(found) == 0 {
				t.Fatalf("%q instead of %q was not noticed", test.planted, test.old)
			}
			before, _, _ := strings.Cut(broken, test.planted)
			if line := strings.Count(before, "\n") + 1; found[0].Line > line+2 {
				t.Errorf("planted in line %d, reported in line %d: %s", line, found[0].Line, found[0].Message)
			}
		})
	}
}

// TestLockFile: the committed lock file names no registry, because each machine chooses
// its own.
func TestLockFile(t *testing.T) {
	lock := read(t, "test/pipelines/package-lock.json")
	if strings.Contains(lock, `"resolved"`) {
		t.Error("package-lock.json names a registry; keep omit-lockfile-registry-resolved=true in .npmrc and run `npm install` again")
	}
	for _, want := range []string{`"integrity": "sha512-`, `"azure-pipelines-language-service": "0.9.2"`} {
		if !strings.Contains(lock, want) {
			t.Errorf("package-lock.json does not contain %s", want)
		}
	}
}
