package releasefile

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/canarize/canarize/internal/redact"
	"github.com/canarize/canarize/internal/rollout"
)

// CheckName returns an error if a release cannot have this name.
func CheckName(name string) error {
	if !releaseName.MatchString(name) {
		return fmt.Errorf("%q: use %s", name, releaseNameWords)
	}
	return nil
}

// releaseName matches names that are valid for ConfigMaps, Leases and label values.
var releaseName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,50}[a-z0-9])?$`)

const releaseNameWords = "at most 52 lower-case letters, digits, dashes and dots, a letter or digit first and last"

var namespaceName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

const namespaceWords = "at most 63 lower-case letters, digits and dashes"

var (
	imagePattern   = regexp.MustCompile(`^([^=\s]+=)?[^=\s]+$`)
	includePattern = regexp.MustCompile(`^([^/\s]+/)?[A-Za-z]+/[^/\s]+$`)
)

func imageForm(to *string) form {
	return matching(to, imagePattern, "[CONTAINER=]IMAGE, such as registry.example.com/app:2")
}

func canaryForm(c *Canary) form {
	return object(
		field{"suffix", text(&c.Suffix), "The suffix of every new name."},
		field{"replicas", replicasForm(&c.Replicas), "Canary pods: a number, same (as many as stable), or weight (stable × weight / 100, rounded up, at least 1)."},
		field{"labels", mapOf(&c.Labels, "", text), "Labels of everything new and of the canary's pods."},
		field{"include", listOf(&c.Include, "", func(to *string) form {
			return matching(to, includePattern, "KIND/NAME, such as statefulset/db, or NAMESPACE/KIND/NAME")
		}), "KIND/NAME or NAMESPACE/KIND/NAME of workloads that get a canary only if they are listed here."},
		field{"copyPeers", boolean(&c.CopyPeers), "Copy network policies of other applications that admit the stable pods by label."},
	)
}

// replicasForm accepts a number from 1, or a word.
func replicasForm(to *string) form {
	words := []string{"weight", "same"}
	var n int
	number := integer(&n, 1, 10_000)
	read := func(v value) error {
		node := v.resolved()
		if node.Kind == yaml.ScalarNode && slices.Contains(words, node.Value) || number.read(v) == nil {
			*to = node.Value
			return nil
		}
		return v.errorf("expected a number from 1 to 10000, same, or weight")
	}
	return form{read, schema{AnyOf: []schema{number.schema, {Enum: words}}, Default: *to}}
}

var versionPattern = regexp.MustCompile(`^v?[0-9]{1,4}(\.[0-9]{1,4}(\.[0-9]{1,4}((\.[0-9A-Za-z]|[A-Za-z])[0-9A-Za-z.]*)?)?)?([-+][0-9A-Za-z][-0-9A-Za-z.+]*)?$`)

// versionForm accepts a version, also one that YAML takes for a number.
func versionForm(to *string) form {
	var n float64
	read := func(v value) error {
		node := v.resolved()
		if node.Kind != yaml.ScalarNode || !versionPattern.MatchString(node.Value) {
			return v.errorf("expected a version, such as 4.1 or 3.10.0")
		}
		*to = node.Value
		return nil
	}
	return form{read, schema{AnyOf: []schema{{Type: types{"string"}, Pattern: versionPattern.String()}, number(&n).schema}}}
}

func gateForm(g *rollout.Gate) form {
	return object(
		field{"name", matching(&g.Name, releaseName, releaseNameWords), "The name that events and canarize approve use."},
		field{"weight", integer(&g.Weight, 0, 100), "The share, in percent, before which the gate must agree. 0, or absent, means before the promotion."},
		field{"exec", listOf(&g.Exec, "", text), "A program with its arguments. Exit code 0 agrees."},
		field{"http", matching(&g.HTTP, httpPattern, "a URL that begins with http:// or https://"), "A URL. A 2xx status agrees; any other is retried."},
		field{"manual", onlyTrue(&g.Manual), "A person agrees with canarize approve."},
		field{"timeout", timeout(&g.Timeout), "For exec and http: a gate that has not agreed by then refuses."},
	).exactlyOne("exec", "http", "manual").requiring("a gate needs a name", "name").check(func(v value) error {
		if u, err := url.Parse(g.HTTP); err != nil || g.HTTP != "" && u.Host == "" {
			return v.errorf("http: %q is no URL", redact.URL(g.HTTP))
		}
		if v.has("exec") && len(g.Exec) == 0 {
			return v.errorf("exec: expected a program")
		}
		return nil
	})
}

var httpPattern = regexp.MustCompile(`^https?://\S+$`)

// onlyTrue accepts only true: the field chooses by being present.
func onlyTrue(to *bool) form {
	return form{boolean(to).check(func(v value) error {
		if !*to {
			return v.errorf("expected true; leave it out otherwise")
		}
		return nil
	}).read, schema{Const: true}}
}

// finish adds the manual gate of a promotion that is not automatic, and checks the gates.
func (r *File) finish(v value) error {
	if !r.Promotion.Automatic {
		r.Gates = append(r.Gates, rollout.Gate{Name: PromotionGate, Manual: true, Timeout: rollout.DefaultGateTimeout})
	}
	for i, g := range r.Gates {
		if slices.ContainsFunc(r.Gates[:i], func(other rollout.Gate) bool { return other.Name == g.Name }) {
			return v.errorf("two gates have the name %s (promotion.automatic: false adds one of the name %s)", g.Name, PromotionGate)
		}
	}
	return nil
}
