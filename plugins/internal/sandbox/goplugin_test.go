package sandbox_test

import (
	"context"
	"net/rpc"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/plugins/internal/sandbox"
	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/netns"
	"github.com/gotcp/gotcp/stack/link/pcap"
)

var handshake = plugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "COOKIE", MagicCookieValue: "yes"}

// nothing is a plugin without a service, by net/rpc and gRPC.
type nothing struct{}

func (nothing) Server(*plugin.MuxBroker) (any, error)              { return nothing{}, nil }
func (nothing) Client(*plugin.MuxBroker, *rpc.Client) (any, error) { return nothing{}, nil }
func (nothing) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error  { return nil }

func (nothing) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nothing{}, nil
}

// roleGoPlugin is a plugin that knows nothing of sandboxes.
func roleGoPlugin(args []string) error {
	cfg := &plugin.ServeConfig{HandshakeConfig: handshake, Plugins: plugin.PluginSet{"nothing": nothing{}}}
	if args[0] == "grpc" {
		cfg.GRPCServer = plugin.DefaultGRPCServer
	}
	plugin.Serve(cfg)
	return nil
}

// A plugin in a sandbox is started and reached by go-plugin's own client: the socket that it listens on is a file, and
// files are shared.
func TestGoPlugin(t *testing.T) {
	netns.Require(t)
	for _, protocol := range []plugin.Protocol{plugin.ProtocolNetRPC, plugin.ProtocolGRPC} {
		b := prepare(t, sandbox.Config{}, "goplugin", string(protocol))
		b.cmd.Stderr = nil // go-plugin's
		dir := t.TempDir()
		b.cmd.Env = append(b.cmd.Env, plugin.EnvUnixSocketDir+"="+dir)
		c := plugin.NewClient(&plugin.ClientConfig{
			HandshakeConfig: handshake, Plugins: plugin.PluginSet{"nothing": nothing{}}, Cmd: b.cmd, SkipHostEnv: true,
			AllowedProtocols: []plugin.Protocol{protocol}, Logger: hclog.NewNullLogger(),
		})
		client, err := c.Client()
		b.cmd.ExtraFiles[0].Close()
		if err == nil {
			err = client.Ping()
		}
		if err != nil {
			t.Errorf("%s: %v (%v)", protocol, err, b.Err())
		}
		c.Kill()
		<-b.Done()
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); err == nil && len(left) > 0 {
			t.Errorf("%s: the plugin, ended in good order, has left %v", protocol, left)
		}
	}
}

// A device may be wrapped, in a capture for instance; and the gateway answers pings of a program without privileges.
func TestWrapAndPing(t *testing.T) {
	netns.Require(t)
	path := filepath.Join(t.TempDir(), "capture.pcapng")
	wrap := func(d link.Device) (link.Device, error) { return pcap.Create(d, path, pcap.Config{}) }
	w := newWorld(t)
	w.serve(t, "198.51.100.7:80", func(c *netapi.TCPConn) { c.Close() })
	b := start(t, sandbox.Config{Network: w.near, Wrap: wrap, MTU: 9000}, "ping", sandbox.Gateway.String())
	want(t, "ping", b.all(), "MTU 9000\nok\n")
	<-b.Done()
	if st, err := os.Stat(path); err != nil || st.Size() < 200 {
		t.Errorf("the capture is %v, %v: want two packets in it", st, err)
	}
}
