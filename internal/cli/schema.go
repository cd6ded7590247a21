package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/releasefile"
)

func newSchema(streams Streams) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "schema [flags]",
		Short: "Print the fields of a release file: a JSON Schema for editors, or a table",
		Long: `Schema prints the JSON Schema (draft 7) of release files. Editors use it to complete
and explain field names, and to mark mistakes while you type. The markdown format is a
table of all fields and their defaults.`,
		Example: `  canarize schema > release.schema.json
  # the first line of release.yml:
  # yaml-language-server: $schema=release.schema.json
  canarize schema -o markdown`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			switch output {
			case "json":
				text, err := releasefile.JSONSchema()
				if err != nil {
					return err
				}
				_, err = streams.Out.Write(text)
				return outside(err)
			case "markdown":
				_, err := io.WriteString(streams.Out, fieldTable(releasefile.Fields()))
				return outside(err)
			}
			return unknownOutput(output, "json, markdown")
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "json", "output `FORMAT`: json (a JSON Schema), markdown")
	return cmd
}

// fieldTable formats fields as a Markdown table.
func fieldTable(fields []releasefile.Field) string {
	var table strings.Builder
	table.WriteString("| field | default | meaning |\n|---|---|---|\n")
	for _, f := range fields {
		value := f.Default
		if value != "" {
			value = "`" + value + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", f.Path, value, f.Meaning)
	}
	return table.String()
}
