package kube

import (
	"testing"

	"k8s.io/client-go/rest"

	"github.com/canarize/canarize/internal/kube/kubetest"
)

// newFake returns a client of a cluster in memory.
func newFake(t *testing.T, options Options) (*Cluster, *kubetest.API) {
	t.Helper()
	api := kubetest.New()
	return fakeCluster(t, api, options), api
}

func fakeCluster(t *testing.T, api *kubetest.API, options Options) *Cluster {
	t.Helper()
	c, err := New(&rest.Config{Host: "http://fake:6443", Transport: api}, options)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
