package controlplane

import (
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

// contextName is the name of the cluster, the user and the context.
const contextName = "canarize-test"

// writeKubeconfig writes a kubeconfig that contains the user's keys and needs no other file.
// The file is never incomplete.
func writeKubeconfig(path, server, ca string, user pair) error {
	data := map[string][]byte{}
	for _, file := range []string{ca, user.cert, user.key} {
		b, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("write the kubeconfig: %w", err)
		}
		data[file] = b
	}
	b, err := yaml.Marshal(object{
		"apiVersion":      "v1",
		"kind":            "Config",
		"current-context": contextName,
		"clusters": []object{{
			"name":    contextName,
			"cluster": object{"server": server, "certificate-authority-data": data[ca]},
		}},
		"users": []object{{
			"name": contextName,
			"user": object{"client-certificate-data": data[user.cert], "client-key-data": data[user.key]},
		}},
		"contexts": []object{{
			"name":    contextName,
			"context": object{"cluster": contextName, "user": contextName},
		}},
	})
	if err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	return os.Rename(path+".new", path)
}
