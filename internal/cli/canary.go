package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/input"
	"github.com/canarize/canarize/internal/manifest"
	"github.com/canarize/canarize/internal/note"
	"github.com/canarize/canarize/internal/plan"
	"github.com/canarize/canarize/internal/wiring"
)

// canaryFlags are the unparsed flags of every verb that derives a canary.
type canaryFlags struct {
	suffix, namespace, replicas         string
	emissary                            emissaryFlags
	strategy                            string // of the Gateway API's router
	images, labels, include             []string
	accept                              []string
	copyPeers, recursive, debug, strict bool
}

// register adds all flags except --namespace, whose meaning depends on the verb.
func (f *canaryFlags) register(flags *pflag.FlagSet) {
	flags.StringArrayVarP(&f.images, "image", "I", nil, "`[CONTAINER=]IMAGE` for every container with that name, or with an image of the same repository; repeatable")
	flags.StringVarP(&f.suffix, "suffix", "s", "-canary", "`SUFFIX` of every name")
	flags.StringArrayVarP(&f.labels, "labels", "l", nil, "labels `KEY=VALUE,...` for every new object and the canary's pods; repeatable")
	flags.StringVar(&f.replicas, "replicas", "weight", "`NUMBER` of canary pods, or same (as many as stable), or weight (stable × weight / 100, rounded up, at least 1)")
	flags.StringArrayVar(&f.include, "include", nil, "`[NAMESPACE/]KIND/NAME` of a workload that canarize would otherwise leave alone; repeatable")
	flags.StringArrayVar(&f.accept, "accept", nil, "`NAME` of a warning that you know about; repeatable")
	flags.BoolVar(&f.strict, "strict", false, "fail on a warning that is not accepted")
	flags.BoolVar(&f.copyPeers, "copy-peers", false, "copy the network policies of other applications that admit the stable pods by label")
	f.emissary.register(flags)
	flags.StringVar(&f.strategy, "gateway-strategy", "ids", "`STRATEGY` by which the canary of an HTTPRoute or GRPCRoute gets its share: ids (by the random id of each request) weights (of the backends of a second route, through which all requests pass) or route (weights in the stable route itself)")
	flags.BoolVarP(&f.recursive, "recursive", "R", false, "also read the subfolders of folders")
	flags.BoolVar(&f.debug, "debug", false, "print every decision and its reason on stderr")
}

// options parses and checks the flags.
func (f *canaryFlags) options() (plan.Options, error) {
	o := plan.Options{Canary: canary.Options{Namespace: f.namespace, CopyPeers: f.copyPeers}}
	for _, step := range []func(*plan.Options) error{f.setImages, f.setLabels, f.setReplicas, f.setInclude, f.setAccept, f.setNames, f.setRouters} {
		if err := step(&o); err != nil {
			return o, err
		}
	}
	return o, nil
}

func (f *canaryFlags) setImages(o *plan.Options) error {
	for _, text := range f.images {
		image, err := canary.ParseImage(text)
		if err != nil {
			return fmt.Errorf("--image: %w", err)
		}
		o.Canary.Images = append(o.Canary.Images, image)
	}
	return canary.CheckImages(o.Canary.Images)
}

// Syntax of labels: k8s.io/apimachinery/pkg/util/validation.
var (
	labelKey    = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)
	labelPrefix = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
)

func validLabelKey(key string) bool {
	if prefix, name, found := strings.Cut(key, "/"); found {
		return len(prefix) <= 253 && labelPrefix.MatchString(prefix) && labelKey.MatchString(name)
	}
	return labelKey.MatchString(key)
}

func (f *canaryFlags) setLabels(o *plan.Options) error {
	o.Canary.Labels = map[string]string{}
	for _, list := range f.labels {
		for pair := range strings.SplitSeq(list, ",") {
			key, value, found := strings.Cut(strings.TrimSpace(pair), "=")
			if !found || !validLabelKey(key) || !manifest.ValidLabelValue(value) {
				return fmt.Errorf("--labels %q: expected KEY=VALUE,…, where keys and values have at most 63 letters, digits, dashes, dots and underscores", list)
			}
			if key == canary.TrackLabel {
				return fmt.Errorf("--labels %s: canarize sets this label itself", pair)
			}
			if first, found := o.Canary.Labels[key]; found && first != value {
				return fmt.Errorf("--labels: %s is given twice, as %s and as %s", key, first, value)
			}
			o.Canary.Labels[key] = value
		}
	}
	return nil
}

func (f *canaryFlags) setReplicas(o *plan.Options) error {
	switch f.replicas {
	case "weight":
		return nil
	case "same":
		o.Canary.Replicas.Mode = canary.ReplicasSame
		return nil
	}
	n, err := strconv.ParseInt(f.replicas, 10, 32)
	if err != nil || n < 1 {
		return fmt.Errorf("--replicas %q: expected a number from 1, same, or weight", f.replicas)
	}
	o.Canary.Replicas = canary.Replicas{Mode: canary.ReplicasFixed, N: int(n)}
	return nil
}

func (f *canaryFlags) setInclude(o *plan.Options) error {
	kinds := map[string]string{"deploy": "Deployment", "deployments": "Deployment", "sts": "StatefulSet", "statefulsets": "StatefulSet", "ds": "DaemonSet", "daemonsets": "DaemonSet"}
	for _, text := range f.include {
		parts := strings.Split(text, "/")
		if len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") {
			return fmt.Errorf("--include %q: expected KIND/NAME, such as statefulset/db, or NAMESPACE/KIND/NAME", text)
		}
		var ref canary.WorkloadRef
		if len(parts) == 3 {
			ref.Namespace, parts = parts[0], parts[1:]
		}
		ref.Kind, ref.Name = parts[0], parts[1]
		if full, short := kinds[strings.ToLower(ref.Kind)]; short {
			ref.Kind = full
		}
		o.Canary.Include = append(o.Canary.Include, ref)
	}
	return nil
}

func (f *canaryFlags) setAccept(o *plan.Options) error {
	for _, text := range f.accept {
		name := note.Name(text)
		if !name.Known() {
			return fmt.Errorf("--accept %q: no warning has this name; the names are %s", text, joined(note.Names()))
		}
		o.Accept = append(o.Accept, name)
	}
	return nil
}

func texts(names []note.Name) []string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = string(n)
	}
	return all
}

func joined(names []note.Name) string { return strings.Join(texts(names), ", ") }

// tell writes the notes of a derivation, and with --strict returns an error if a warning
// is not accepted. If the derivation failed, it writes only why workloads were left alone,
// if that is the reason.
func (f *canaryFlags) tell(notes []note.Note, failed error, write func(text string)) error {
	var left *canary.LeftAloneError
	if errors.As(failed, &left) && len(left.Lines) > 1 {
		write(f.notes(left.Lines))
	}
	if failed != nil {
		return failed
	}
	write(f.notes(notes))
	if names := note.Unaccepted(notes); f.strict && len(names) > 0 {
		return fmt.Errorf("--strict: there are warnings that are not accepted: %s; read them above, and name those that you know about with --accept, or in spec.accept of the release file", joined(names))
	}
	return nil
}

var dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// checkNamespaces checks --namespace, which may be empty as in kubectl, and
// --emissary-namespace.
func checkNamespaces(namespace, emissary string) error {
	const want = "expected at most 63 lower-case letters, digits and dashes"
	if namespace != "" && !dnsLabel.MatchString(namespace) {
		return fmt.Errorf("--namespace %q: %s", namespace, want)
	}
	if !dnsLabel.MatchString(emissary) {
		return fmt.Errorf("--emissary-namespace %q: %s", emissary, want)
	}
	return nil
}

func (f *canaryFlags) setNames(o *plan.Options) error {
	var err error
	if o.Canary.Suffix, err = canary.ParseSuffix(f.suffix); err != nil {
		return fmt.Errorf("--suffix: %w", err)
	}
	return checkNamespaces(f.namespace, f.emissary.namespace)
}

func (f *canaryFlags) setRouters(o *plan.Options) error {
	emissary, err := f.emissary.parse()
	if err != nil {
		return err
	}
	strategy, err := wiring.ParseGatewayStrategy(f.strategy)
	if err != nil {
		return fmt.Errorf("--gateway-strategy %q: %w", f.strategy, err)
	}
	o.Routers = wiring.Routers(wiring.Routing{Emissary: emissary, GatewayStrategy: strategy})
	return nil
}

// read reads the input, and writes what kustomize says about it.
func (f *canaryFlags) read(ctx context.Context, args []string, streams Streams, write func(text string)) (*manifest.Set, error) {
	objects, err := input.Objects(ctx, args, inputOptions(f.recursive, streams, write))
	if err != nil {
		return nil, err
	}
	return plan.NewSet(objects, f.namespace)
}

func inputOptions(recursive bool, streams Streams, write func(text string)) input.Options {
	return input.Options{Recursive: recursive, Stdin: streams.In, Note: func(line string) { write("canarize: note: " + codedLine(line) + "\n") }}
}

// notes formats the notes of a derivation, one per line.
func (f *canaryFlags) notes(notes []note.Note) string {
	var text strings.Builder
	for _, n := range notes {
		if f.debug || n.Level > note.Debug && !n.Accepted {
			line := oneLine(n.String())
			if n.Level == note.Info { // a warning ends with its name
				line = codedLine(n.String())
			}
			fmt.Fprintln(&text, "canarize: "+line)
		}
	}
	return text.String()
}
