// Command dns answers for the names of a test cluster: CoreDNS with the plugins that
// its usual configuration in Kubernetes needs, and without those for the world
// outside, which a test cluster does not reach.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
)

func main() {
	dnsserver.Directives = []string{"errors", "ready", "kubernetes"} // in the order in which they answer
	coremain.Run()
}
