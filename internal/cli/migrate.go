package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/canarize/canarize/internal/input"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/plan"
	"github.com/canarize/canarize/internal/route/emissary/model"
	"github.com/canarize/canarize/internal/route/gatewayapi/migrate"
)

// migrateFlags are the unparsed flags of migrate.
type migrateFlags struct {
	emissary                                 emissaryFlags
	gateway, output, namespace, ambassadorID string
	partial, recursive, complete             bool
}

func newMigrate(streams Streams) *cobra.Command {
	var f migrateFlags
	cmd := &cobra.Command{
		Use:   "migrate [flags] --gateway NAME[/NAMESPACE] FILE|DIR|-...",
		Short: "Translate Mappings of Emissary into HTTPRoutes and GRPCRoutes",
		Long: `Migrate reads manifests with Mappings of Emissary and prints routes of the Gateway API
that do the same: the same Services with the same shares, for the same requests. Canaries
move with the Mapping beside which they stand. It prints no other object, changes none, and
needs no cluster. ReferenceGrants come along if a Mapping sends requests to a Service in
another namespace.

For every Mapping a line on stderr says to which rule it moved, what is different there, or
why it cannot move: a field that a route does not have is named, and nothing is left out in
silence. Then migrate asks the model of Emissary and that of the Gateway API about the same
requests, on all paths and around them. A Mapping for which they differ does not move
either, unless the difference is one that every gateway must have; that one is announced.

If one Mapping cannot move, nothing is printed. With --partial the others move. Pass the
Hosts, the Module and the Services too: they say which hosts count, and with which defaults.`,
		Example: `  canarize migrate --gateway public/gateways manifests > routes.yml
  canarize migrate --gateway public -o json manifests`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.output != "" && f.output != "json" {
				return unknownOutput(f.output, "json")
			}
			if err := checkNamespaces(f.namespace, f.emissary.namespace); err != nil {
				return err
			}
			options, err := f.options()
			if err != nil {
				return err
			}
			objects, err := input.Objects(cmd.Context(), args, inputOptions(f.recursive, streams, func(text string) { fmt.Fprint(streams.Err, text) }))
			if err != nil {
				return err
			}
			set, err := plan.NewSet(objects, f.namespace)
			if err != nil {
				return err
			}
			return f.print(migrate.Migrate(set, options), streams)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.gateway, "gateway", "", "`NAME` of the Gateway to which the routes attach, or NAME/NAMESPACE if it is not in theirs; required")
	flags.BoolVar(&f.partial, "partial", false, "print the routes of the other Mappings if some cannot move")
	flags.StringVarP(&f.output, "output", "o", "", "output `FORMAT`: json, the routes and what became of every Mapping")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "`NAMESPACE` of objects without one; objects of other namespaces are an error")
	f.emissary.register(flags)
	flags.StringVar(&f.ambassadorID, "ambassador-id", "default", "ambassador `ID` of the Emissary whose Mappings move")
	flags.BoolVar(&f.complete, "complete", false, "the input has all objects of Emissary: no Host is assumed")
	flags.BoolVarP(&f.recursive, "recursive", "R", false, "also read the subfolders of folders")
	return cmd
}

// objectName matches the name of a Gateway (RFC 1123).
var objectName = regexp.MustCompile(`^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$`)

// options parses the flags.
func (f *migrateFlags) options() (o migrate.Options, err error) {
	var inNamespace bool
	o.Gateway, o.GatewayNamespace, inNamespace = strings.Cut(f.gateway, "/")
	switch {
	case f.gateway == "":
		return o, errors.New("--gateway is missing; pass the NAME[/NAMESPACE] of the Gateway to which the routes attach")
	case !objectName.MatchString(o.Gateway), inNamespace && !dnsLabel.MatchString(o.GatewayNamespace):
		return o, fmt.Errorf("--gateway %q: expected NAME or NAME/NAMESPACE", f.gateway)
	}
	emissary, err := f.emissary.parse()
	o.Emissary = model.Options{Namespace: emissary.Namespace, AmbassadorID: f.ambassadorID, Version: emissary.Version, Complete: f.complete}
	return o, err
}

// print prints the routes, and what became of the Mappings.
func (f *migrateFlags) print(r migrate.Result, streams Streams) error {
	if len(r.Mappings) == 0 {
		return errors.New("the input has no Mapping of Emissary to move; pass the manifests that have some")
	}
	failed := r.Count(migrate.Refused) > 0 && !f.partial
	if failed {
		r.Objects = nil
	}
	if f.output == "json" {
		text, err := migrationJSON(r)
		if err == nil {
			_, err = streams.Out.Write(escapeJSON(text))
		}
		if err != nil {
			return outside(err)
		}
	} else {
		for _, l := range r.Lines(f.partial) {
			fmt.Fprintln(streams.Err, oneLine(l.At.String()+": "+l.Text))
		}
		if !failed {
			fmt.Fprintln(streams.Err, "canarize: "+r.Summary())
		}
		text, err := manifest.Print(r.Objects)
		if err == nil {
			_, err = streams.Out.Write(text)
		}
		if err != nil {
			return outside(err)
		}
	}
	if failed {
		return fmt.Errorf("%d of %d Mappings cannot move, so no routes were made; change them, or pass --partial to move the others", r.Count(migrate.Refused), len(r.Mappings))
	}
	return nil
}

// migratedJSON is the JSON form of a migration.
type migratedJSON struct {
	Mappings []mappingJSON    `json:"mappings"`
	Others   []lineJSON       `json:"others"`
	Requests int              `json:"requests"` // about which both models were asked
	Objects  []map[string]any `json:"objects"`
}

type mappingJSON struct {
	Namespace string          `json:"namespace"`
	Name      string          `json:"name"`
	File      string          `json:"file"`
	Line      int             `json:"line"`
	Outcome   migrate.Outcome `json:"outcome"`
	Routes    []string        `json:"routes,omitempty"`
	Fields    []string        `json:"fields,omitempty"` // translated
	Idle      []migrate.Field `json:"idle,omitempty"`   // of no importance to a route
	Reasons   []lineJSON      `json:"reasons,omitempty"`
	Changes   []lineJSON      `json:"changes,omitempty"`
}

type lineJSON struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Text string `json:"text"`
}

func migrationJSON(r migrate.Result) ([]byte, error) {
	lines := func(all []migrate.Line) []lineJSON {
		out := make([]lineJSON, len(all))
		for i, l := range all {
			out[i] = lineJSON{l.At.File, l.At.Line, l.Text}
		}
		return out
	}
	out := migratedJSON{Mappings: []mappingJSON{}, Others: lines(r.Others), Requests: r.Requests, Objects: []map[string]any{}}
	for _, m := range r.Mappings {
		out.Mappings = append(out.Mappings, mappingJSON{
			Namespace: m.ID.Namespace, Name: m.ID.Name, File: m.At.File, Line: m.At.Line, Outcome: m.Outcome,
			Routes: m.Routes, Fields: m.Fields, Idle: m.Idle, Reasons: lines(m.Reasons), Changes: lines(m.Changes),
		})
	}
	for _, o := range r.Objects {
		out.Objects = append(out.Objects, o.Value())
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	err := e.Encode(out)
	return text.Bytes(), err
}
