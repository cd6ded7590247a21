package pipelines

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"testing"

	"pgregory.net/rapid"

	"github.com/canarize/canarize/internal/ci"
	"github.com/canarize/canarize/internal/ci/azurepipelines"
)

// loggingCommand is a command in the form that commands.js reads.
type loggingCommand struct {
	Name       string            `json:"name"`
	Properties map[string]string `json:"properties"`
	Data       string            `json:"data"`
	Line       string            `json:"line"` // the output of canarize
}

// TestCommandsMatchTaskLib compares thousands of commands with those of Microsoft's
// formatter, and parses them with Microsoft's parser.
func TestCommandsMatchTaskLib(t *testing.T) {
	node := need(t, "node")
	if _, err := os.Stat("node_modules/azure-pipelines-task-lib"); err != nil {
		t.Skip("azure-pipelines-task-lib is not installed: run `npm ci` in test/pipelines")
	}
	foreign := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.SampledFrom([]rune("%]; \r\n#vso[AZP250D:a")), 0, 40, -1))
	draw := rapid.Custom(func(t *rapid.T) loggingCommand {
		name := rapid.SampledFrom([]string{"task.logissue", "task.setvariable", "build.addbuildtag"}).Draw(t, "name")
		data, kind, variable := foreign.Draw(t, "data"), foreign.Draw(t, "type"), foreign.Draw(t, "variable")
		properties := map[string]string{"type": ci.Harmless(kind), "variable": ci.Harmless(variable)}
		maps.DeleteFunc(properties, func(_, value string) bool { return value == "" }) // the library writes a space for them
		return loggingCommand{
			Name: name, Data: ci.Harmless(data), Properties: properties,
			Line: azurepipelines.Command(name, data, azurepipelines.Property{Key: "type", Value: kind}, azurepipelines.Property{Key: "variable", Value: variable}),
		}
	})
	commands := make([]loggingCommand, 4000)
	for seed := range commands {
		commands[seed] = draw.Example(seed)
	}
	input, err := json.Marshal(commands)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), node, "commands.js")
	command.Stdin = bytes.NewReader(input)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	var answers []loggingCommand
	if err := json.Unmarshal(output, &answers); err != nil || len(answers) != len(commands) {
		t.Fatalf("%d answers, error %v", len(answers), err)
	}
	for i, have := range answers {
		want := commands[i]
		if have.Line != want.Line {
			t.Errorf("canarize writes %q, the task library %q", want.Line, have.Line)
		}
		if have.Name != want.Name || have.Data != want.Data {
			t.Errorf("%q is read as %q with %q instead of %q", want.Line, have.Name, have.Data, want.Data)
		}
	}
}
