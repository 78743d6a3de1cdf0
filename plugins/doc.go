// Package plugins gives plugins of hashicorp/go-plugin networks of their own: each has an address, its own TCP, and
// rules about whom it may talk to, which say no to everything that they don't allow.
//
// # A plugin
//
// is a program whose main function calls [Serve] with what it is:
//
//	func main() { plugins.Serve(plugins.Service(run)) }
//
//	func run(ctx context.Context, n netapi.Network) error {
//		ln, err := dialer.Listen("tcp", ":80")
//		...
//	}
//
// A [Service] runs with a network, a [Handler] serves connections that its host has accepted, an [Observer] is told of
// what happens. Package dialer's default network is the plugin's, so the same source runs by hand on the kernel, as a
// plugin on gotcp, and in a test: there call run with any netapi.Network.
//
// # A host
//
// makes a [Fabric], out of it a [Net] for each plugin, and a [Host] that launches plugins, restarts them, forwards their
// logs and stops them:
//
//	f, err := plugins.NewFabric(netip.MustParsePrefix("10.77.0.0/24"), device, netip.MustParseAddr("10.77.0.1"))
//	n, err := f.Net(plugins.NetConfig{Guard: guard.Config{Name: "web", Rules: rules, Quota: quota}})
//	h := plugins.NewHost(plugins.HostConfig{})
//	p, err := h.Start(ctx, plugins.Spec{Name: "web", Command: []string{"./web"}, Net: n})
//
// The command `gotcp plugin` is one, with a file in which plugins, addresses and rules are written down. Rules and quotas
// (package guard) can be changed while plugins run, and a network can be switched off.
//
// # How it works
//
//	plugin process                        host process
//	dialer.Dial                           Host: launch, health, restart (supervise.go, launch.go)
//	border.Network  == messages, fds ==   border.Host
//	net.Conn        == socket pair =====  pump == guard.Network == netapi.Stack == switch == TUN
//
// Go-plugin launches the plugin, with AutoMTLS, and asks it for its health. What goes over the plugin's network doesn't
// go through gRPC: the plugin inherits a socket for messages such as "dial", and gets for each connection one end of a
// socket pair (package internal/border), which is as fast as a kernel's loopback. Where what starts the plugin passes no
// descriptors on, the same goes over one gRPC stream.
//
// A [Foreign] plugin, one that wasn't made with this package, needs no change: it runs in a network namespace whose only
// way out is a TUN device, at the other end of which a stack stands in for the whole world, and makes each connection
// anew on the plugin's Net (package internal/sandbox). A [Service] may be put there, too ([Spec].Sandbox): else its rules
// bind what it does by package dialer, and nothing keeps it from using the kernel's network besides.
//
// # Plugins that are not to be trusted
//
// The host takes each plugin for hostile. What it has of the network is bounded by its quota, what it has of the host's
// memory by that and by fixed bounds: of messages, of what waits for it, of buffers. What it is refused, or fails at,
// more than 1000 times a second, it has to wait for. Of its log 1000 lines a second are passed on and the rest is
// counted; 8 MiB a second are read, and the rest has to wait. One that breaks the protocol, or doesn't answer, is killed,
// and so is one that doesn't end when it is asked to, with all processes of its group. A child that has left the group
// lives on, without the network; in a sandbox it doesn't, either. What a plugin takes of the processors by itself is not
// bounded here.
package plugins
