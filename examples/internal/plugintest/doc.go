// Package plugintest lets the tests of example plugins be the same wherever the plugin runs: by hand on the kernel's
// network, as a plugin on a network of gotcp behind a TUN device, and in the test's own process on a stack in memory,
// within a testing/synctest bubble.
package plugintest

import (
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/plugins"
)

// Example is a plugin under test, whose package the present directory has.
type Example struct {
	Kind plugins.Kind // what its main function gives to plugins.Serve: a Service or a Handler
	Port uint16       // at which it serves on a network of its own
}

// Place is where the plugin runs until a test ends, as its user sees it.
type Place struct {
	Network netapi.Network // the user's
	User    netip.Addr     // his address there, at which the plugin may reach him
	Address string         // the plugin's, host and port
	Stop    func() error   // asks the plugin to end, and waits until it has; the error says that it didn't end well

	Net *plugins.Net // the plugin's own; nil where it is no plugin
}

// Check is a test that must pass in all places.
type Check struct {
	Name string
	Test func(*testing.T, *Place)
}

// Run makes the checks in all places, each on a plugin that was just started.
func (e Example) Run(t *testing.T, checks []Check) {
	for name, run := range map[string]func(*testing.T, Check){
		"alone":  func(t *testing.T, c Check) { c.Test(t, e.Alone(t)) },
		"plugin": func(t *testing.T, c Check) { c.Test(t, e.Plugin(t)) },
		"bubble": func(t *testing.T, c Check) {
			synctest.Test(t, func(t *testing.T) { c.Test(t, e.InMemory(t)) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range checks {
				t.Run(c.Name, func(t *testing.T) { run(t, c) })
			}
		})
	}
}

// Client is an HTTP client on the user's network, until the test ends.
func (p *Place) Client(t *testing.T) *http.Client {
	t.Helper()
	tr := dialer.HTTPTransport(p.Network)
	tr.Proxy = nil
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}
