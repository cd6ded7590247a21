package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version describes the binary.
type version struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersion(streams Streams) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  canarize version -o json",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			v := buildVersion()
			switch output {
			case "json":
				return outside(json.NewEncoder(streams.Out).Encode(v))
			case "":
				_, err := fmt.Fprintf(streams.Out, "canarize %s (%s, %s)\n", v.Version, v.Go, v.Platform)
				return outside(err)
			}
			return unknownOutput(output, "json")
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "output `FORMAT`: json")
	return cmd
}

func buildVersion() version {
	v := version{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Revision = s.Value
		}
	}
	return v
}

func unknownOutput(output, known string) error {
	return fmt.Errorf("-o %s: unknown output format; known: %s", output, known)
}
