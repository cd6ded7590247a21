package faults

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Plugin is a credential plugin, such as kubelogin, that hangs until Answer is called.
type Plugin struct {
	// Kubeconfig is the path of a file that names the API server and the plugin.
	Kubeconfig string
	// Command is the path of the program, as messages show it.
	Command string

	folder string
}

const pluginScript = `#!/bin/sh
echo asked >> "$FOLDER/asked"
while [ ! -e "$FOLDER/answer" ]; do sleep 0.1; done
cat "$FOLDER/credential.json"
`

// HangingPlugin creates a plugin. When it answers, at the latest when the test ends, it
// returns the client certificate of the kubeconfig.
func HangingPlugin(t testing.TB, kubeconfig string) *Plugin {
	t.Helper()
	folder := t.TempDir()
	p := &Plugin{Kubeconfig: filepath.Join(folder, "kubeconfig"), Command: filepath.Join(folder, "slow-login"), folder: folder}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	client, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	must(err)
	must(rest.LoadTLSFiles(client))
	if len(client.CertData) == 0 {
		t.Fatal(kubeconfig + " has no client certificate")
	}
	const version = "client.authentication.k8s.io/v1"
	credential, err := json.Marshal(map[string]any{"apiVersion": version, "kind": "ExecCredential", "status": map[string]string{
		"clientCertificateData": string(client.CertData), "clientKeyData": string(client.KeyData),
	}})
	must(err)
	must(os.WriteFile(filepath.Join(folder, "credential.json"), credential, 0o600))
	must(os.WriteFile(p.Command, []byte(strings.ReplaceAll(pluginScript, "$FOLDER", folder)), 0o700))
	config, err := clientcmd.LoadFromFile(kubeconfig)
	must(err)
	config.AuthInfos[config.Contexts[config.CurrentContext].AuthInfo] = &api.AuthInfo{Exec: &api.ExecConfig{
		Command: p.Command, APIVersion: version, InteractiveMode: api.NeverExecInteractiveMode,
	}}
	must(clientcmd.WriteToFile(*config, p.Kubeconfig))
	t.Cleanup(func() { _ = p.Answer() })
	return p
}

// Answer makes the plugin answer, from now on at once.
func (p *Plugin) Answer() error {
	return os.WriteFile(filepath.Join(p.folder, "answer"), nil, 0o600)
}

// Starts returns how often the plugin was started.
func (p *Plugin) Starts() (int, error) {
	text, err := os.ReadFile(filepath.Join(p.folder, "asked"))
	if os.IsNotExist(err) {
		return 0, nil
	}
	return strings.Count(string(text), "\n"), err
}
