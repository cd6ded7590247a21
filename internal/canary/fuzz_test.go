package canary_test

import (
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/canary"
	"github.com/canarize/canarize/internal/manifest"
)

// FuzzParseImage checks that an accepted reference has a repository, and that
// the repository does not depend on the tag or digest.
func FuzzParseImage(f *testing.F) {
	for _, seed := range []string{"app", "web=registry.example.com:5000/shop/app:1@" + zeros, "localhost/a", "index.docker.io/library/x", "=", "a=b=c", "[::1]:5000/a", "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_ = canary.Repository(text)
		image, err := canary.ParseImage(text)
		if err != nil {
			return
		}
		repository := canary.Repository(image.Reference)
		if strings.ContainsAny(repository, "@ \t\n") || strings.HasSuffix(repository, "/") || !strings.Contains(repository, "/") {
			t.Errorf("the repository of %q is %q, not a valid one", text, repository)
		}
		if again := canary.Repository(repository + ":other@" + zeros); again != repository {
			t.Errorf("the repository is %q, but %q with another tag and digest", repository, again)
		}
		if again, err := canary.ParseImage(repository); err != nil || canary.Repository(again.Reference) != repository {
			t.Errorf("%q: ParseImage does not accept its own repository: %+v %v", repository, again, err)
		}
	})
}

// FuzzWithSuffix checks that an accepted suffix turns valid label values into
// valid ones within the limit.
func FuzzWithSuffix(f *testing.F) {
	for _, seed := range [][2]string{{"web", "canary"}, {strings.Repeat("x", 63), "-c"}, {"", "-a--b"}, {"v1._2", "1"}, {strings.Repeat("x.", 30) + "x", "-canary"}, {"é", "é"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		suffix, err := canary.ParseSuffix(text)
		if err != nil {
			return
		}
		for _, limit := range []int{52, 63, 242, 253} {
			got := canary.WithSuffix(name, suffix, limit)
			if len(got) > limit {
				t.Errorf("%q is longer than %d", got, limit)
			}
			if (name == "" || len(name) <= 63 && anyLabelValue.MatchString(name)) && !anyLabelValue.MatchString(got) {
				t.Errorf("%q with %q is %q", name, suffix, got)
			}
		}
	})
}

// FuzzDerive checks that no manifest makes Derive panic, and that no Service of
// the input selects a canary pod.
func FuzzDerive(f *testing.F) {
	f.Add([]byte(application+autoscaler), "-l")
	f.Add([]byte(containers), "")
	f.Add([]byte(strings.NewReplacer("matchLabels: {app: web}", "matchExpressions: [{key: app, operator: In, values: [web, x]}, {key: y, operator: NotIn}, {key: z, operator: DoesNotExist}]").Replace(application)), "app")
	f.Add([]byte(application+"---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n}\nspec: {podSelector: {matchExpressions: [{key: app, operator: Exists}]}, ingress: [{from: [{podSelector: {}, namespaceSelector: {}}]}], egress: [{to: [{podSelector: {matchLabels: {app: web}}}]}]}\n"), "env")
	f.Add([]byte(application+"---\napiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: {name: n}\nspec: {selector: {matchLabels: {app: web}}, namespaceSelector: {matchNames: [default]}}\n"), "x")
	f.Fuzz(func(t *testing.T, text []byte, label string) {
		objects, err := manifest.Parse(manifest.Source{Name: "fuzz", Data: text})
		if err != nil {
			return
		}
		set, err := manifest.NewSet(objects, "default")
		if err != nil {
			return
		}
		options := canary.Options{Weight: 10, Suffix: "-canary", CopyPeers: true}
		if label != "" {
			options.Labels = map[string]string{label: "given"}
		}
		result, err := canary.Derive(set, options)
		if err != nil {
			return
		}
		for _, d := range result.Derived {
			pods := manifest.StringMap(d.Canary.Root, "spec", "template", "metadata", "labels")
			if d.Canary.Kind() != "Deployment" || d.Canary.Group() != "apps" {
				continue
			}
			for _, s := range objects {
				if s.Kind() == "Service" && s.Group() == "" && set.Namespace(s) == set.Namespace(d.Canary) && selectsAll(s, pods) {
					t.Errorf("%s selects %v", s.ID(), pods)
				}
			}
		}
		if text := printed(t, result); text != "" {
			if _, err := manifest.Parse(manifest.Source{Name: "canary", Data: []byte(text)}); err != nil {
				t.Errorf("%v\n%s", err, text)
			}
		}
	})
}

func selectsAll(service *manifest.Object, pods map[string]string) bool {
	selector := manifest.StringMap(service.Root, "spec", "selector")
	for key, value := range selector {
		if have, found := pods[key]; !found || have != value {
			return false
		}
	}
	return len(selector) > 0 && manifest.GetString(service.Root, "spec", "type") != "ExternalName"
}
