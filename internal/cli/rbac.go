package cli

import (
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/wiring"
)

func newRBAC(streams Streams) *cobra.Command {
	var (
		options wiring.AccessOptions
		target  kube.Target
	)
	cmd := &cobra.Command{
		Use:   "rbac [flags]",
		Short: "Print the permissions that canarize needs, and no others",
		Long: `Rbac prints a ServiceAccount, and a Role with its RoleBinding in the namespace
of the releases and in that of Emissary, with the least that releasing needs.
The cluster is not asked.

Add kinds to the Role that your manifests have besides those canarize knows; a
command that lacks a permission says which. The pods of Emissary are looked into
through port-forwards, to see the real shares and to count requests.`,
		Example: `  canarize rbac -n shop | kubectl apply -f -
  kubectl create token canarize -n shop`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			if options.Namespace == "" {
				var err error
				if options.Namespace, err = target.Namespace(); err != nil {
					return outside(err)
				}
			}
			if err := checkNamespaces(options.Namespace, options.EmissaryNamespace); err != nil {
				return err
			}
			if !dnsLabel.MatchString(options.Account) {
				return fmt.Errorf("--service-account %q: use at most 63 lower-case letters, digits and dashes, a letter or digit first and last", options.Account)
			}
			return printObjects(streams, wiring.Access(options).Permissions())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&options.Namespace, "namespace", "n", "", "the namespace of the releases; that of the current context when empty")
	flags.StringVar(&options.EmissaryNamespace, "emissary-namespace", "emissary", "the namespace Emissary runs in")
	flags.StringVar(&options.Account, "service-account", "canarize", "the ServiceAccount that gets the permissions")
	flags.BoolVar(&options.PodMetrics, "pod-metrics", false, "also what the metric source pods needs: to get pages of pods through the API server")
	flags.StringVar(&target.Context, "context", "", "the kubeconfig context to use")
	flags.StringVar(&target.Kubeconfig, "kubeconfig", "", "the kubeconfig file to use")
	return cmd
}

// printObjects prints objects as YAML documents.
func printObjects(streams Streams, objects []map[string]any) error {
	for i, o := range objects {
		text, err := yaml.Marshal(o)
		if err != nil {
			return fmt.Errorf("%s: %w", kube.RefOf(o), err)
		}
		if i > 0 {
			text = append([]byte("---\n"), text...)
		}
		if _, err := streams.Out.Write(text); err != nil {
			return outside(err)
		}
	}
	return nil
}
