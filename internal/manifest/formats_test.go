package manifest

import (
	"path"
	"strings"
	"testing"
)

// TestOtherFormats: files of other tools are named, by their content or their name.
func TestOtherFormats(t *testing.T) {
	for _, c := range []struct{ file, text, want string }{
		{"docker-compose.yml", "version: '3.8'\nservices:\n  web:\n    image: web:1\n", "a Docker Compose file"},
		{"stack.yaml", "x-common: &common {restart: always}\nservices:\n  web: {<<: *common, build: .}\n", "a Docker Compose file"},
		{"docker-compose.dev.yml", "volumes: {db: {}}\n", "a Docker Compose file"},
		{"compose.override.yaml", "services: {web: {ports: ['80:80']}}\n", "a Docker Compose file"},
		{"compose.yaml", "services:\n\tweb: {}\n", "a Docker Compose file"}, // not even YAML
		{"skaffold.yaml", "apiVersion: skaffold/v4beta6\nkind: Config\nmetadata: {name: shop}\nbuild: {artifacts: [{image: shop}]}\n", "a configuration of Skaffold"},
		{"dev.yml", "apiVersion: skaffold/v2beta29\nkind: Config\n", "a configuration of Skaffold"},
		{"chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.2.3\n", "the Chart.yaml of a Helm chart"},
		{"other.yaml", "apiVersion: v1\nname: shop\nversion: 0.1.0\ndescription: d\n", "the Chart.yaml of a Helm chart"},
		{"values.yaml", "image: {repository: shop}\n", "a file with values of a Helm chart"},
		{"values-prod.yaml", "replicas: 3\n", "a file with values of a Helm chart"},
		{"prod.values.yml", "replicas: 3\n", "a file with values of a Helm chart"},
		{"values.schema.json", `{"$schema": "x", "type": "object"}`, "a file with values of a Helm chart"},
		{"helmfile.yaml", "releases:\n  - name: {{ .Env }}\n    chart: a/b\n", "a helmfile"},
		{"apps.yaml", "repositories: []\nreleases: [{name: shop, chart: a/shop}]\n", "a helmfile"},
		{"devspace.yaml", "version: v2beta1\nname: shop\ndev: {app: {imageSelector: shop}}\n", "a configuration of DevSpace"},
		{"config", "apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers: []\n", "a kubeconfig"},
		{"ci.yml", "name: CI\non: [push]\njobs: {build: {runs-on: ubuntu-latest, steps: []}}\n", "a GitHub Actions workflow"},
		{"ci.yml", "on: {push: {}}\njobs: {call: {uses: ./.github/workflows/x.yml}}\n", "a GitHub Actions workflow"},
		{"action.yml", "name: a\nruns: {using: composite, steps: []}\n", "a GitHub action"},
		{".gitlab-ci.yml", "build: {script: [make]}\n", "a pipeline of GitLab CI"},
		{"ci.yml", "stages: [build]\nbuild: {stage: build, script: !reference [.setup, script]}\n", "a pipeline of GitLab CI"},
		{"azure-pipelines.yml", "trigger: [main]\npool: {vmImage: ubuntu-latest}\nsteps: [{script: make}]\n", "a pipeline of Azure Pipelines"},
		{"templates/build.yml", "parameters: []\njobs: [{job: build, uses: {repositories: []}}]\n", "a pipeline of Azure Pipelines"},
		{"release.yml", "extends: {template: x.yml}\n", "a pipeline of Azure Pipelines"},
		{"build.yaml", "steps: [{name: gcr.io/cloud-builders/docker, args: [build]}]\n", "a configuration of Cloud Build"},
		{"api.yaml", "openapi: 3.0.0\ninfo: {title: shop}\n", "an API description"},
		{"api.json", `{"swagger": "2.0", "info": {}}`, "an API description"},
		{"mkdocs.yml", "site_name: Shop\ntheme: {name: !!python/name:material material}\n", "a configuration of MkDocs"},
		{"prometheus.yml", "global: {}\nscrape_configs: []\n", "a configuration of Prometheus"},
		{"rules.yml", "groups: [{name: shop, rules: []}]\n", "a file with rules of Prometheus"},
		{"dashboard.json", `{"panels": [], "schemaVersion": 30, "title": "Shop"}`, "a dashboard of Grafana"},
		{"package.json", `{"name": "shop", "version": "1.0.0"}`, "a file of a JavaScript project"},
		{"tsconfig.json", "{\n  // a comment\n  \"compilerOptions\": {}\n}", "a file of a JavaScript project"},
		{"tsconfig.build.json", `{"extends": "./tsconfig.json"}`, "a file of a JavaScript project"},
		{".eslintrc.json", `{"root": true}`, "a file of a JavaScript project"},
		{"appsettings.Development.json", `{"Logging": {}}`, "a file of a .NET project"},
		{"stack.json", `{"Resources": {"web": {"Type": "AWS::EC2::Instance"}}}`, "a CloudFormation template"},
		{"stack.yml", "Resources: {web: {Type: 'AWS::EC2::Instance', Properties: {ImageId: !Ref Image}}}\n", "a CloudFormation template"},
		{"patch.yaml", "- op: replace\n  path: /spec/replicas\n  value: 3\n", "a JSON patch"},
		{"patch.json", `[{"op": "remove", "path": "/a"}]`, "a JSON patch"},
		{"site.yml", "- hosts: all\n  tasks: []\n", "an Ansible playbook"},
		{"base/kustomization.yaml", "resources: [app.yml]\n", "a kustomization"},
		{"base/parts.yaml", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n", "a kustomization"},
		{"cluster.yaml", "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n", "a configuration of kind"},
		{"k3d.yaml", "apiVersion: k3d.io/v1alpha5\nkind: Simple\nmetadata: {name: dev}\n", "a configuration of k3d"},
		{"catalog-info.yaml", "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: shop}\n", "an entry of Backstage's catalog"},
	} {
		_, err := Parse(Source{Name: c.file, Data: []byte(c.text)})
		if err == nil || !strings.HasPrefix(err.Error(), c.file+":") || !strings.Contains(err.Error(), ": this is "+c.want+", not a Kubernetes manifest; ") {
			t.Errorf("%s: the error is %v, want %s", c.file, err, c.want)
		}
	}
}

// TestNoOtherFormats: what has the header of an object is one, whatever its name and its
// fields, and a mistake in it is reported as before.
func TestNoOtherFormats(t *testing.T) {
	const service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
	for _, c := range []struct{ file, text, want string }{
		{"docker-compose.yml", service, ""},
		{"values.yaml", service, ""},
		{"package.json", `{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}`, ""},
		{"app.yml", "apiVersion: example.com/v1\nkind: App\nmetadata: {name: web}\nservices: {web: {image: web}}\njobs: {a: {runs-on: x}}\nscrape_configs: []\n", ""},
		{"flux.yml", "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps}\n", ""},
		{"flux.yml", "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n", "flux.yml:1: Kustomization: no metadata.name; "},
		{"config.yml", "apiVersion: example.com/v1\nkind: Config\nmetadata: {name: web}\n", ""},
		{"backstage.yml", "apiVersion: backstage.io/v1alpha1\nkind: Backstage\nmetadata: {name: portal}\n", ""},
		{"values.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: A B}\n", `values.yaml:3: Service A B: metadata.name "A B" is not a valid name; `},
		{"app.yml", "kind: Service\nmetadata: {name: web}\n", "app.yml:1: Service web: no apiVersion; every Kubernetes object has apiVersion, kind and metadata.name"},
		{"app.yml", "a: b\n", "app.yml:1: no apiVersion; every Kubernetes object has apiVersion, kind and metadata.name; if the file is not for Kubernetes, leave it out: "},
		{"app.yml", "- a\n", "app.yml:1: expected a Kubernetes object, found a list; every object has apiVersion, kind and metadata.name; if the file is not for Kubernetes, leave it out: "},
		{"app.yml", "services: [web]\njobs: yes\nsteps: 5\n'*': {hosts: }\n", "app.yml:1: no apiVersion; "},
		{"app.yml", "apiVersion: v2\nname: [shop]\n", "app.yml:1: no kind; "},
	} {
		_, err := Parse(Source{Name: c.file, Data: []byte(c.text)})
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: the error is %v, want %s", c.file, err, c.want)
		}
	}
}

// TestOtherFormatsTogether: one error names all files to leave out, but a chart or a
// kustomization is not left out.
func TestOtherFormatsTogether(t *testing.T) {
	named := func(names ...string) (sources []Source) {
		for _, name := range names {
			sources = append(sources, Source{Name: name, Data: []byte("a: b\n")})
		}
		return sources
	}
	for _, c := range []struct {
		sources []Source
		want    string
	}{
		{named("d/compose.yml", "d/mkdocs.yml", "d/unknown.yml", "d/values.yaml"),
			"d/compose.yml:1: this is a Docker Compose file, not a Kubernetes manifest; leave it out: name the manifests one by one, or move it out of their folder; leave out as well: d/mkdocs.yml (a configuration of MkDocs), d/values.yaml (a file with values of a Helm chart)"},
		{named("compose.a.yml", "compose.b.yml", "compose.c.yml", "compose.d.yml", "compose.e.yml", "compose.f.yml", "compose.g.yml", "compose.h.yml"),
			"compose.f.yml (a Docker Compose file), and 2 more"},
		{named("shop/Chart.yaml", "shop/values.yaml"), "shop/Chart.yaml:1: this is the Chart.yaml of a Helm chart, not a Kubernetes manifest; render the chart and pass the result: helm template NAME shop | canarize … -"},
		{named("a/b/kustomization.yml"), "a/b/kustomization.yml:1: this is a kustomization, not a Kubernetes manifest; pass its folder, a/b, as an argument of its own"},
		{named("values.yaml"), "; or pass what helm template prints"},
		{[]Source{{Name: "app.yml", Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\nservices: {web: {image: a}}\n")}}, "app.yml:5: this is a Docker Compose file"},
	} {
		_, err := Parse(c.sources...)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) && !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("the error is\n%v, want\n%s", err, c.want)
		}
	}
}

func TestPatternsOfNames(t *testing.T) {
	for _, f := range formats {
		for _, pattern := range f.file {
			if _, err := path.Match(pattern, "x"); err != nil || pattern != strings.ToLower(pattern) {
				t.Errorf("%s: %q: %v", f.what, pattern, err)
			}
		}
		if len(f.file)+len(f.all)+len(f.any) == 0 {
			t.Errorf("%s has no signs", f.what)
		}
	}
}
