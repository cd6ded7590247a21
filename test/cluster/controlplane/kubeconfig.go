package controlplane

import (
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

// contextName is that of the cluster, the user and the context alike.
const contextName = "canarize-test"

// writeKubeconfig writes a kubeconfig of the administrator that needs no other
// file.
func writeKubeconfig(path, server string, k keys) error {
	data := map[string][]byte{}
	for _, file := range []string{k.caCert, k.adminCert, k.adminKey} {
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
			"cluster": object{"server": server, "certificate-authority-data": data[k.caCert]},
		}},
		"users": []object{{
			"name": contextName,
			"user": object{"client-certificate-data": data[k.adminCert], "client-key-data": data[k.adminKey]},
		}},
		"contexts": []object{{
			"name":    contextName,
			"context": object{"cluster": contextName, "user": contextName},
		}},
	})
	if err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	return nil
}
