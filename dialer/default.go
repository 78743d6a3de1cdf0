package dialer

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"

	"github.com/gotcp/gotcp/dialer/netspec"
	"github.com/gotcp/gotcp/netapi"
)

// EnvNet is the environment variable that names the default network, in the grammar of package netspec.
const EnvNet = "GOTCP_NET"

var def struct {
	mu  sync.Mutex
	net netapi.Network
	err error
}

// Default is the network of a [Dialer] or [ListenConfig] without one: what [SetDefault] was given, else what GOTCP_NET
// says, opened when first asked for and open as long as the program runs, else the kernel's. The error says what is
// wrong with GOTCP_NET; it comes again from each call.
//
// (A private network is for programs that begin with netspec.Start; to others it is an error.)
func Default() (netapi.Network, error) {
	def.mu.Lock()
	defer def.mu.Unlock()
	if def.net == nil && def.err == nil {
		def.net, def.err = fromEnv()
	}
	return def.net, def.err
}

// SetDefault makes n the default network of the program; nil lets GOTCP_NET decide again. Connections that exist stay
// where they are.
func SetDefault(n netapi.Network) {
	def.mu.Lock()
	defer def.mu.Unlock()
	def.net, def.err = n, nil
}

// fromEnv opens what GOTCP_NET says.
func fromEnv() (netapi.Network, error) {
	text := os.Getenv(EnvNet)
	if text == "" {
		return netapi.Kernel{}, nil
	}
	spec, err := netspec.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s=%s: %w", EnvNet, text, err)
	}
	n, err := netspec.Open(context.Background(), spec)
	if err != nil {
		return nil, fmt.Errorf("%s=%s: %w", EnvNet, text, err)
	}
	return n, nil
}

// pick is the network to use, where n is what the caller chose.
func pick(n netapi.Network) (netapi.Tuned, error) {
	if n == nil {
		var err error
		if n, err = Default(); err != nil {
			return nil, err
		}
	}
	if t, ok := n.(netapi.Tuned); ok {
		return t, nil
	}
	return plain{n}, nil
}

// Resolver finds names over the default network.
func Resolver() *net.Resolver {
	n, err := Default()
	if err != nil {
		return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, err
		}}
	}
	return n.Resolver()
}

// HTTPTransport is a copy of http.DefaultTransport that dials on network n, nil meaning the default.
func HTTPTransport(n netapi.Network) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&Dialer{Network: n}).DialContext
	return t
}
