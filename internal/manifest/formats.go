package manifest

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// format describes files of another tool that often lie beside manifests.
type format struct {
	what string // with an article
	// file are patterns of the names of such files, in lower case.
	file []string
	// all are paths that such a document has, and any are paths of which it has at least
	// one, see hasPath.
	all, any []string
	// do is what to do with the file, if not to leave it out; %s stands for its folder.
	do string
	// or is something to pass in its place.
	or string
}

// formats lists files without the header of a Kubernetes object. The first that fits
// counts. A file that has another name is recognised by its content.
var formats = []format{
	{what: "a kustomization", file: []string{"kustomization.yaml", "kustomization.yml"}, do: "pass its folder, %s, as an argument of its own"},
	{what: "the Chart.yaml of a Helm chart", file: []string{"chart.yaml"}, all: []string{"apiVersion", "name", "version"}, do: "render the chart and pass the result: helm template NAME %s | canarize … -"},
	{what: "a file with values of a Helm chart", file: []string{"values.yaml", "values.yml", `values[\-._]*.yaml`, `values[\-._]*.yml`, `*[\-._]values.yaml`, `*[\-._]values.yml`, "values.schema.json"}, or: "pass what helm template prints"},
	{what: "a helmfile", file: []string{"helmfile.yaml", "helmfile.yml"}, all: []string{"releases/*/chart"}, or: "pass what helmfile template prints"},
	{what: "a Docker Compose file", file: []string{"docker-compose*.yaml", "docker-compose*.yml", "compose.yaml", "compose.yml", `compose[\-._]*.yaml`, `compose[\-._]*.yml`}, any: []string{"services/*/image", "services/*/build", "services/*/extends"}},
	{what: "a configuration of DevSpace", file: []string{"devspace.yaml", "devspace.yml"}, all: []string{"version", "name"}, any: []string{"deployments", "pipelines", "dev"}},
	{what: "a configuration of Okteto", file: []string{"okteto.yaml", "okteto.yml"}},
	{what: "a GitHub Actions workflow", all: []string{"on"}, any: []string{"jobs/*/runs-on", "jobs/*/uses"}},
	{what: "a GitHub action", any: []string{"runs/using"}},
	{what: "a pipeline of GitLab CI", file: []string{".gitlab-ci.yml"}, all: []string{"stages", "*/script"}},
	{what: "a pipeline of Azure Pipelines", file: []string{"azure-pipelines*.yml", "azure-pipelines*.yaml"}, any: []string{
		"stages/*/stage", "stages/*/template", "jobs/*/job", "jobs/*/deployment", "jobs/*/template", "extends/template",
		"steps/*/script", "steps/*/bash", "steps/*/pwsh", "steps/*/powershell", "steps/*/task", "steps/*/checkout", "steps/*/template"}},
	{what: "a configuration of Cloud Build", file: []string{"cloudbuild*.yaml", "cloudbuild*.yml", "cloudbuild*.json"}, all: []string{"steps/*/name", "steps/*/args"}},
	{what: "a configuration of a CI system", file: []string{".travis.yml", ".drone.yml", "bitbucket-pipelines.yml", "buildspec*.yml", "appveyor.yml", "codecov.yml", ".codecov.yml", "dependabot.yml", "renovate.json", ".pre-commit-config.yaml", ".goreleaser.yml", ".goreleaser.yaml", ".golangci.yml", ".golangci.yaml"}},
	{what: "an API description", any: []string{"openapi", "swagger", "asyncapi"}},
	{what: "a configuration of MkDocs", file: []string{"mkdocs.yml"}, all: []string{"site_name"}},
	{what: "a configuration of Prometheus", all: []string{"scrape_configs"}},
	{what: "a file with rules of Prometheus", all: []string{"groups/*/rules"}},
	{what: "a configuration of Alertmanager", all: []string{"route", "receivers"}},
	{what: "a dashboard of Grafana", all: []string{"panels", "schemaVersion"}},
	{what: "a file of a JavaScript project", file: []string{"package.json", "package-lock.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", "tsconfig.json", "tsconfig.*.json", "jsconfig.json", ".eslintrc.*", ".babelrc.json", ".prettierrc.*", "angular.json", "lerna.json", "nx.json", "turbo.json"},
		any: []string{"compilerOptions", "devDependencies", "lockfileVersion"}},
	{what: "a file of a .NET project", file: []string{"appsettings*.json", "launchsettings.json", "global.json"}},
	{what: "a CloudFormation template", any: []string{"AWSTemplateFormatVersion", "Resources/*/Type"}},
	{what: "a configuration of the Serverless Framework", file: []string{"serverless.yml", "serverless.yaml"}},
	{what: "a JSON patch", all: []string{"*/op", "*/path"}, or: "pass the folder of the kustomization that uses it"},
	{what: "an Ansible playbook", all: []string{"*/hosts"}, any: []string{"*/tasks", "*/roles"}},
}

// toolFormat describes documents that have apiVersion and kind, but that only a tool
// reads. No API server knows them.
type toolFormat struct {
	group string   // of the apiVersion
	kinds []string // all, if there is none
	format
}

var toolFormats = []toolFormat{
	{"", []string{"Config"}, format{what: "a kubeconfig"}},
	{"skaffold", nil, format{what: "a configuration of Skaffold", or: "pass what skaffold render prints"}},
	{"kustomize.config.k8s.io", nil, format{what: "a kustomization", do: formats[0].do}},
	{"builtin", nil, format{what: "a generator or transformer of kustomize", or: "pass the folder of the kustomization that uses it"}},
	{"kind.x-k8s.io", nil, format{what: "a configuration of kind"}},
	{"k3d.io", nil, format{what: "a configuration of k3d"}},
	{"ctlptl.dev", nil, format{what: "a configuration of ctlptl"}},
	{"eksctl.io", nil, format{what: "a configuration of eksctl"}},
	{"kubeadm.k8s.io", nil, format{what: "a configuration of kubeadm"}},
	{"kubelet.config.k8s.io", nil, format{what: "a configuration of the kubelet"}},
	{"kubeproxy.config.k8s.io", nil, format{what: "a configuration of kube-proxy"}},
	{"garden.io", nil, format{what: "a configuration of Garden"}},
	{"kuttl.dev", nil, format{what: "a test of kuttl"}},
	{"cli.kyverno.io", nil, format{what: "a test of Kyverno"}},
	{"backstage.io", []string{"API", "Component", "Domain", "Group", "Location", "Resource", "System", "Template", "User"}, format{what: "an entry of Backstage's catalog"}},
}

// otherFormatError reports a document that is not for Kubernetes.
type otherFormatError struct {
	at   Position
	file format
	also []string // further files that are not for Kubernetes, with what they are
}

const leaveOut = "leave it out: name the manifests one by one, or move it out of their folder"

func (e *otherFormatError) Error() string {
	text := fmt.Sprintf("%s: this is %s, not a Kubernetes manifest; ", e.at, e.file.what)
	if e.file.do != "" {
		return text + strings.Replace(e.file.do, "%s", filepath.Dir(e.at.File), 1)
	}
	text += leaveOut
	if e.file.or != "" {
		text += "; or " + e.file.or
	}
	const most = 5
	if n := min(len(e.also), most); n > 0 {
		text += "; leave out as well: " + strings.Join(e.also[:n], ", ")
	}
	if more := len(e.also) - most; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}

// otherFormat returns an error if a document is a file of another tool, or nil.
func (s *source) otherFormat(root *Node) error {
	line := max(root.Line, 1)
	if apiVersion, kind := GetString(root, "apiVersion"), GetString(root, "kind"); apiVersion != "" && kind != "" {
		o := &Object{Root: root}
		for _, f := range toolFormats {
			if o.Group() == f.group && (len(f.kinds) == 0 || slices.Contains(f.kinds, kind)) {
				return s.other(f.format, line)
			}
		}
		return nil
	}
	if err := s.otherName(line); err != nil {
		return err
	}
	for _, f := range formats {
		if f.describes(root) {
			return s.other(f, line)
		}
	}
	return nil
}

// otherName returns an error if the file is named like one of another tool, or nil.
func (s *source) otherName(line int) error {
	name := strings.ToLower(filepath.Base(s.name))
	for _, f := range formats {
		if slices.ContainsFunc(f.file, func(pattern string) bool { matches, _ := path.Match(pattern, name); return matches }) {
			return s.other(f, line)
		}
	}
	return nil
}

func (s *source) other(f format, line int) error {
	return &otherFormatError{at: Position{File: s.name, Line: line}, file: f}
}

// describes reports whether a document has the paths of a format.
func (f format) describes(root *Node) bool {
	if len(f.all)+len(f.any) == 0 || Get(root, "kind") != nil {
		return false
	}
	has := func(p string) bool { return hasPath(root, strings.Split(p, "/")) }
	return !slices.ContainsFunc(f.all, func(p string) bool { return !has(p) }) && (len(f.any) == 0 || slices.ContainsFunc(f.any, has))
}

// hasPath reports whether there is a value at a path of keys. The key * stands for any
// entry of a mapping or list.
func hasPath(n *Node, keys []string) bool {
	switch {
	case len(keys) == 0:
		return true
	case n == nil:
		return false
	case keys[0] != "*":
		return hasPath(Get(n, keys[0]), keys[1:]) && Get(n, keys[0]) != nil
	}
	return (IsMap(n) || IsList(n)) && slices.ContainsFunc(n.Content, func(c *Node) bool { return hasPath(c, keys[1:]) })
}

// withOthers adds the other sources that are not for Kubernetes to an error about the
// first, so that all can be left out at once. Other errors stay as they are.
func withOthers(err error, rest []Source) error {
	var first *otherFormatError
	if !errors.As(err, &first) {
		return err
	}
	for _, s := range rest {
		var also *otherFormatError
		if _, err := parseSource(s, &budget{most: MaxValues}); errors.As(err, &also) {
			first.also = append(first.also, fmt.Sprintf("%s (%s)", also.at.File, also.file.what))
		}
	}
	return first
}
