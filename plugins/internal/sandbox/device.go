package sandbox

import (
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/stack/link/tun"
)

// everywhere is the default route's prefix.
var everywhere = netip.PrefixFrom(netip.IPv4Unspecified(), 0)

// tryAddress is that of a sandbox which no program will see.
var tryAddress = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 77, 0, 2}), 24)

// network makes the program's interface, and gives the sandbox the other end of it.
func (p *pid1) network() error {
	if err := tun.LoopbackUp(); err != nil {
		return err
	}
	d, err := tun.Open(tun.Config{Name: "gotcp0"})
	if err != nil {
		return err
	}
	defer d.Close()
	settings(d.Name())
	if err := tun.Configure(d.Name(), p.order.Address, p.order.MTU); err != nil {
		return err
	}
	if err := tun.AddRoute(everywhere, d.Name(), netip.Addr{}); err != nil {
		return err
	}
	file, err := d.File()
	if err != nil {
		return err
	}
	defer file.Close()
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Control(func(fd uintptr) {
		sent = send(p.control, &report{Device: d.Name(), MTU: p.order.MTU}, int(fd))
	})
	if err != nil {
		return err
	}
	return sent
}

// settings are of the program's own network namespace. Where a container has /proc/sys read-only they stay what they
// are: a program misses little then.
func settings(dev string) {
	set := func(path, value string) { _ = os.WriteFile("/proc/sys/net/"+path, []byte(value), 0) }
	set("ipv6/conf/"+dev+"/disable_ipv6", "1")       // nobody would answer
	set("ipv4/ip_unprivileged_port_start", "0")      // all ports of this network are the program's
	group := fmt.Sprintf("%d %[1]d", unix.Getegid()) // ping without CAP_NET_RAW
	set("ipv4/ping_group_range", group)
}
