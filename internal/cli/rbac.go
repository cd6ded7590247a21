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
of the releases and in Emissary's namespace. They grant the least that releases
need, to list what canarize doctor looks at besides, and to read the logs and
events of canaries that fail (get on pods/log, list on events). The command
sends no request to the cluster.

If your manifests have other kinds, add them to the Role; a command that lacks a
permission names it. canarize reads Emissary's pods through port-forwards, to
verify the real shares and to count requests.`,
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
	flags.StringVarP(&options.Namespace, "namespace", "n", "", "the `NAMESPACE` of the releases; by default that of the current context")
	flags.StringVar(&options.EmissaryNamespace, "emissary-namespace", "emissary", "the `NAMESPACE` of Emissary")
	flags.StringVar(&options.Account, "service-account", "canarize", "the `SERVICEACCOUNT` that gets the permissions")
	flags.BoolVar(&options.PodMetrics, "pod-metrics", false, "also grant what the metric source pods needs: to get pages of pods through the API server")
	flags.StringVar(&target.Context, "context", "", "the kubeconfig `CONTEXT` to use")
	flags.StringVar(&target.Kubeconfig, "kubeconfig", "", "the kubeconfig `FILE` to use")
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
