// Command dns resolves the names of a test cluster. It is CoreDNS with the plugins that its
// usual configuration in Kubernetes needs, but without those for outside names, because a
// test cluster does not reach the outside.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
)

func main() {
	dnsserver.Directives = []string{"errors", "ready", "kubernetes"} // in the order of their calls
	coremain.Run()
}
