package node

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// connect creates a link from this machine to the network namespace of a process, and
// configures the addresses and routes of both ends.
func connect(name string, pid int) (Network, error) {
	inside, err := netns.GetFromPid(pid)
	if err != nil {
		return Network{}, err
	}
	defer inside.Close()
	veth := netlink.NewVeth(netlink.LinkAttrs{Name: name, TxQLen: -1})
	veth.PeerName, veth.PeerNamespace = "eth0", netlink.NsFd(inside)
	if err := netlink.LinkAdd(veth); err != nil {
		return Network{}, fmt.Errorf("make link %s: %w", name, err)
	}
	link, err := netlink.LinkByName(name)
	if err != nil {
		return Network{}, err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return Network{}, err
	}
	n, err := choose(link)
	if err != nil {
		return Network{}, err
	}
	return n, configureInside(inside, n)
}

// choose uses the first network to which this machine has no route yet. Adding a route
// fails if there is one, so two clusters never get the same network.
func choose(link netlink.Link) (Network, error) {
	for i := range byte(networks) {
		n := network(i)
		route := netlink.Route{LinkIndex: link.Attrs().Index, Dst: subnet(n.Pods), Scope: netlink.SCOPE_LINK}
		switch err := netlink.RouteAdd(&route); {
		case errors.Is(err, syscall.EEXIST):
			continue
		case err != nil:
			return Network{}, fmt.Errorf("add a route to %s: %w", n.Pods, err)
		}
		if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: subnet(netip.PrefixFrom(n.Host, 30))}); err != nil {
			return Network{}, fmt.Errorf("add address %s: %w", n.Host, err)
		}
		if err := netlink.RouteDel(&route); err != nil {
			return Network{}, err
		}
		for _, dst := range []netip.Prefix{n.Pods, n.Services} {
			if err := netlink.RouteReplace(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: subnet(dst), Gw: n.Node.AsSlice()}); err != nil {
				return Network{}, fmt.Errorf("add a route to %s: %w", dst, err)
			}
		}
		return n, nil
	}
	return Network{}, fmt.Errorf("all %d networks for nodes are in use on this machine: see `ip route`", networks)
}

func configureInside(inside netns.NsHandle, n Network) error {
	h, err := netlink.NewHandleAt(inside)
	if err != nil {
		return err
	}
	defer h.Close()
	loopback, err := h.LinkByName("lo")
	if err != nil {
		return err
	}
	link, err := h.LinkByName("eth0")
	if err != nil {
		return err
	}
	if err := h.AddrAdd(link, &netlink.Addr{IPNet: subnet(netip.PrefixFrom(n.Node, 30))}); err != nil {
		return err
	}
	if err := errors.Join(h.LinkSetUp(loopback), h.LinkSetUp(link)); err != nil {
		return err
	}
	// kube-proxy needs some moments to learn of a new Service. Until then this route drops
	// packets to its address, and TCP sends them again. If they were forwarded untranslated,
	// the kernel's connection table would keep that, and the connection would hang for ever,
	// even after kube-proxy has its rule.
	if err := h.RouteAdd(&netlink.Route{Type: unix.RTN_BLACKHOLE, Dst: subnet(n.Services)}); err != nil {
		return err
	}
	// The kubelet and kube-proxy look for the address of the default route.
	return h.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: n.Host.AsSlice()})
}

// disconnect deletes the link of a node, and with it the addresses and routes. The kernel
// also does so after the other end is gone, but later.
func disconnect(name string) error {
	link, err := netlink.LinkByName(name)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err == nil {
		err = netlink.LinkDel(link)
	}
	if err != nil && !errors.Is(err, syscall.ENODEV) {
		return fmt.Errorf("delete link %s: %w", name, err)
	}
	return nil
}

func subnet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
