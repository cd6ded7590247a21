package cli

import (
	"strings"
	"testing"

	"github.com/canarize/canarize/internal/kube"
	"github.com/canarize/canarize/internal/metric"
)

// TestGrant: the command that prints missing permissions also prints those of the metric
// source.
func TestGrant(t *testing.T) {
	kubeconfig := busyServer(t, func(int64) {}, "")
	for source, want := range map[metric.SourceName]bool{"": false, metric.Emissary: false, metric.Pods: true} {
		f := engineFlags{target: kube.Target{Kubeconfig: kubeconfig}, emissary: emissaryFlags{namespace: "gate"}}
		f.config.release.Metrics.Source = source
		o, err := f.survey("eu")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(o.Grant, "canarize rbac -n eu --emissary-namespace gate") || strings.HasSuffix(o.Grant, " --pod-metrics") != want {
			t.Errorf("with source %q: %q", source, o.Grant)
		}
	}
}
