package cli

import (
	"testing"

	"github.com/spf13/pflag"

	"github.com/canarize/canarize/internal/canary"
)

// FuzzGenerateFlags: no arguments make the flags panic, and accepted values keep to the
// bounds that the engine relies on.
func FuzzGenerateFlags(f *testing.F) {
	f.Add("10", "a=b,c=d", "weight", "deploy/web", "-canary", "shop", "web=registry.example.com/app:2")
	f.Add("100%", "canarize.dev/track=x", "same", "statefulset/", "--", "-", "=")
	f.Add("-1", "a=b,a=c", "0", "/", "é", "A", "")
	f.Add("", "", "99999999999", "x/y/z", "", "", "a@")
	f.Fuzz(func(t *testing.T, weight, labels, replicas, include, suffix, namespace, image string) {
		var flags generateFlags
		set := pflag.NewFlagSet("generate", pflag.ContinueOnError)
		flags.register(set)
		err := set.Parse([]string{
			"--canary-weight=" + weight, "--labels=" + labels, "--replicas=" + replicas, "--include=" + include,
			"--suffix=" + suffix, "--namespace=" + namespace, "--image=" + image,
		})
		if err != nil {
			return
		}
		o, err := flags.options()
		if err != nil {
			return
		}
		if o.Weight != nil && (*o.Weight < 0 || *o.Weight > 100) {
			t.Errorf("weight %d", *o.Weight)
		}
		if o.Canary.Replicas.Mode == canary.ReplicasFixed && o.Canary.Replicas.N < 1 {
			t.Errorf("%d replicas", o.Canary.Replicas.N)
		}
		for key, value := range o.Canary.Labels {
			if key == "" || key == canary.TrackLabel || len(value) > 63 {
				t.Errorf("label %q=%q", key, value)
			}
		}
		for _, ref := range o.Canary.Include {
			if ref.Kind == "" || ref.Name == "" {
				t.Errorf("%+v", ref)
			}
		}
	})
}
