package kube

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/canarize/canarize/internal/similar"
)

// Target selects the cluster, like kubectl's flags of the same names. Empty fields mean
// kubectl's defaults; inside a pod that is the pod's own cluster.
type Target struct{ Kubeconfig, Context string }

func (t Target) rules() *clientcmd.ClientConfigLoadingRules {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = t.Kubeconfig
	return rules
}

func (t Target) loader() clientcmd.ClientConfig {
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(t.rules(), &clientcmd.ConfigOverrides{CurrentContext: t.Context})
}

func (t Target) config() (*rest.Config, error) {
	config, err := t.loader().ClientConfig()
	if err != nil {
		return nil, t.explain(err)
	}
	return config, nil
}

// Namespace returns the namespace of the context, or "default" if the context names
// none.
func (t Target) Namespace() (string, error) {
	namespace, _, err := t.loader().Namespace()
	if err != nil {
		return "", t.explain(err)
	}
	return namespace, nil
}

// ContextName returns the name of the context, or "" if there is none, as in a pod.
func (t Target) ContextName() string {
	if t.Context != "" {
		return t.Context
	}
	raw, err := t.loader().RawConfig()
	if err != nil {
		return ""
	}
	return raw.CurrentContext
}

// Contexts returns the names of all contexts, sorted.
func (t Target) Contexts() []string {
	raw, err := t.loader().RawConfig()
	if err != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(raw.Contexts))
}

// Reasons for which there is no cluster to talk to.
var (
	ErrNoConfig  = errors.New("kubeconfig: there is none")
	ErrNoContext = errors.New("no context is selected")
)

// maxContexts is how many contexts an error lists.
const maxContexts = 10

// explain says what is wrong with the kubeconfig, and what to do. client-go's own texts
// name variables that kubectl's users do not know.
func (t Target) explain(err error) error {
	known := t.Contexts()
	name := t.ContextName()
	switch {
	case name != "" && !slices.Contains(known, name) && len(known) > 0:
		listed := strings.Join(known[:min(len(known), maxContexts)], ", ")
		return fmt.Errorf("kubeconfig: there is no context %q; %sthe contexts are %s; see kubectl config get-contexts", name, similar.Hint(similar.Name(name, known)), listed)
	case len(known) > 0 && name == "":
		return fmt.Errorf("kubeconfig: %w; see kubectl config get-contexts", ErrNoContext)
	case !clientcmd.IsEmptyConfig(err) && (name == "" || len(known) > 0):
		return fmt.Errorf("kubeconfig: %w; see kubectl config get-contexts", err)
	}
	return fmt.Errorf("%w: %s", ErrNoConfig, t.searched())
}

// searched says where a kubeconfig was looked for.
func (t Target) searched() string {
	if t.Kubeconfig != "" {
		return t.Kubeconfig + " has no cluster"
	}
	if files := os.Getenv(clientcmd.RecommendedConfigPathEnvVar); files != "" {
		return "the variable KUBECONFIG names " + files + ", which does not exist or has no cluster"
	}
	return "the variable KUBECONFIG is not set, and " + clientcmd.RecommendedHomeFile + " does not exist or has no cluster"
}
