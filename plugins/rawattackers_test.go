package plugins

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/yamux"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gotcp/gotcp/netapi"
)

// envTestRaw makes a plugin of the test binary that isn't made with Serve, of the kind named.
const envTestRaw = "GOTCP_TEST_RAW"

// rawAttackers speak with their host by hand.
var rawAttackers = map[string]func(){
	// What they print in place of a handshake.
	"babble": func() { fmt.Print(strings.Repeat("x", 10<<20)); select {} },
	"early":  func() { pour(os.Stdout, "I am coming\n") },
	"tcp":    func() { fmt.Printf("1|1|tcp|%s|grpc|\n", os.Getenv("GOTCP_TEST_AT")); select {} },
	"path":   func() { fmt.Printf("1|1|unix|%s|grpc|\n", os.Getenv("GOTCP_TEST_AT")); select {} },

	"elsewhere": func() {
		ln, err := net.Listen("unix", os.Getenv("GOTCP_TEST_AT"))
		if err == nil {
			ln.(*net.UnixListener).SetUnlinkOnClose(false)
			fmt.Printf("1|1|unix|%s|grpc|\n", ln.Addr())
			ln.Accept()
		}
		os.Exit(1)
	},

	// What they do with net/rpc, whose answers are gob's: the length of one here is 1 GiB.
	"gob": func() {
		overRPC(func(c net.Conn, control io.Writer) {
			control.Write([]byte{0xfc, 0x40, 0, 0, 0})
			io.Copy(control, zeros{})
		})
	},
	"rpc-pings": func() {
		overRPC(func(c net.Conn, _ io.Writer) {
			for pings := bytes.Repeat(muxHead{2, 1}.append(nil), 1000); ; {
				if _, err := c.Write(pings); err != nil {
					return
				}
			}
		})
	},

	// What they say at the border.
	"mute":    func() { atBorder(func(c *net.UnixConn) { say(c, stopMessage) }) },
	"unknown": func() { atBorder(func(c *net.UnixConn) { say(c, hiMessage, "\xee") }) },
	"cut":     func() { atBorder(func(c *net.UnixConn) { say(c, hiMessage, "\x06\x01") }) },
	"long":    func() { atBorder(func(c *net.UnixConn) { say(c, hiMessage, "\x0a\xff\xff\xff\xff\xff\xff\xff\x7f") }) },
	"big":     func() { atBorder(func(c *net.UnixConn) { say(c, hiMessage, strings.Repeat("\x0a", 70<<10)) }) },
	"title": func() {
		atBorder(func(c *net.UnixConn) { say(c, hiMessage, "\x0a"+counted(`{"kinds":["\u001b[2J"]}`)) })
	},
	"order": func() { atBorder(func(c *net.UnixConn) { say(c, hiMessage, readyMessage, stopMessage) }) },
	"files": func() {
		atBorder(func(c *net.UnixConn) { c.WriteMsgUnix([]byte(hiMessage), unix.UnixRights(0, 1, 2), nil) })
	},
	"unread": func() {
		atBorder(func(c *net.UnixConn) {
			say(c, hiMessage, readyMessage, dialMessage(silentServer))
			for say(c, infoMessage) == nil {
			}
		})
	},
	"half-open": func() {
		atBorder(func(c *net.UnixConn) {
			go io.Copy(io.Discard, c)
			say(c, hiMessage, readyMessage)
			for say(c, dialMessage(nobody)) == nil {
			}
		})
	},

	// What they do with gRPC: in the place of the border's stream, and of go-plugin's own services.
	"frames": func() {
		overStream(func(s grpc.ServerStream) {
			for s.SendMsg(&wrapperspb.BytesValue{Value: make([]byte, 64<<20)}) == nil {
			}
		})
	},
	"pings": func() {
		overStream(func(s grpc.ServerStream) { pourFrames(s, func(i uint32) muxHead { return muxHead{2, 1, 0, i} }) })
	},
	"syns": func() {
		overStream(func(s grpc.ServerStream) { pourFrames(s, func(i uint32) muxHead { return muxHead{1, 1, 2 * i, 0} }) })
	},
	"stdio-large": func() { hijack("StreamStdio", func(s grpc.ServerStream) { pourMessages(s, 2, 64<<20) }) },
	"stdio-odd":   func() { hijack("StreamStdio", func(s grpc.ServerStream) { pourMessages(s, 7, 10) }) },
	"broker":      func() { hijack("StartStream", pourBroker) },
	"no-shutdown": func() { hijack("Shutdown", nil) },
	"no-health":   func() { hijack("Check", nil) },
}

// attackRaw is such a plugin.
func attackRaw(name string) int {
	attack, ok := rawAttackers[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "no attacker is called %q\n", name)
		return 2
	}
	attack()
	select {}
}

// Messages of the border, as package border writes them.
const (
	hiMessage   = "\x01\x01"
	stopMessage = "\x15"
)

var readyMessage = "\x0a" + counted(`{"kinds":["service"]}`)

func counted(text string) string { return string(rune(len(text))) + text }

func dialMessage(to string) string {
	return "\x02" + "\x07" + counted("tcp") + counted(to) + strings.Repeat("\x00", 10)
}

// infoMessage asks for what there is to know of the first connection.
var infoMessage = "\x06\x07\x01\x0d" + strings.Repeat("\x00", 6)

func say(c *net.UnixConn, messages ...string) error {
	for _, m := range messages {
		if _, err := c.Write([]byte(m)); err != nil {
			return err
		}
	}
	return nil
}

// atBorder is a plugin whose end of the border's socket is handled by hand.
func atBorder(attack func(c *net.UnixConn)) {
	f, err := inherited(envBorder)
	if err == nil {
		var c net.Conn
		if c, err = net.FileConn(f); err == nil {
			go attack(c.(*net.UnixConn))
			serveRaw(&netPlugin{streams: make(chan io.ReadWriteCloser, 1)}, nil)
		}
	}
	fmt.Fprintln(os.Stderr, err)
}

// serveRaw runs go-plugin's server with a plugin, and with options of the gRPC server.
func serveRaw(p plugin.Plugin, more []grpc.ServerOption) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  handshake,
		VersionedPlugins: map[int]plugin.PluginSet{protocolVersion: {pluginName: p}},
		GRPCServer:       func(o []grpc.ServerOption) *grpc.Server { return grpc.NewServer(append(o, more...)...) },
	})
}

// streamAttacker is a plugin whose stream is handled by hand.
type streamAttacker struct {
	netPlugin
	attack func(s grpc.ServerStream)
}

func (a *streamAttacker) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	desc := serviceDesc
	desc.Streams = []grpc.StreamDesc{{
		StreamName: methodName, ServerStreams: true, ClientStreams: true,
		Handler: func(_ any, s grpc.ServerStream) error {
			a.attack(s)
			select {}
		},
	}}
	s.RegisterService(&desc, a)
	return nil
}

func overStream(attack func(s grpc.ServerStream)) { serveRaw(&streamAttacker{attack: attack}, nil) }

// muxHead is a yamux frame's type, flags, stream and length.
type muxHead [4]uint32

func (h muxHead) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(append(b, 0, byte(h[0])), uint16(h[1]))
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, h[2]), h[3])
}

// overRPC is a plugin that speaks net/rpc, up to where its host has opened its streams, the first of which is for calls.
func overRPC(attack func(c net.Conn, control io.Writer)) {
	ln, err := net.Listen("unix", os.Getenv(plugin.EnvUnixSocketDir)+"/plugin")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	fmt.Printf("1|1|unix|%s|netrpc|\n", ln.Addr())
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		session, err := yamux.Server(c, nil)
		if err != nil {
			return
		}
		if control, err := session.Accept(); err == nil {
			go attack(c, control)
		}
	}
}

// pourFrames sends frames, and reads nothing.
func pourFrames(s grpc.ServerStream, frame func(i uint32) muxHead) {
	for i := uint32(1); ; {
		var b []byte
		for range 4000 {
			b = frame(i).append(b)
			i++
		}
		if s.SendMsg(&wrapperspb.BytesValue{Value: b}) != nil {
			return
		}
	}
}

// hijack is a plugin that does nothing wrong, but for one method of go-plugin's services: of a stream by a function, of
// another one by no answer. Where that is the one that ends it, it has done its work.
func hijack(method string, attack func(s grpc.ServerStream)) {
	np := &netPlugin{streams: make(chan io.ReadWriteCloser, 1)}
	go work(context.Background(), np, []Kind{Service(func(context.Context, netapi.Network) error {
		if method == "Shutdown" {
			return nil
		}
		select {}
	})})
	serveRaw(np, []grpc.ServerOption{
		grpc.StreamInterceptor(func(srv any, s grpc.ServerStream, i *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			if strings.HasSuffix(i.FullMethod, "/"+method) {
				attack(s)
				return errors.New("enough")
			}
			return next(srv, s)
		}),
		grpc.UnaryInterceptor(func(ctx context.Context, m any, i *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if strings.HasSuffix(i.FullMethod, "/"+method) {
				select {}
			}
			return next(ctx, m)
		}),
	})
}

// pourMessages sends messages such as those of standard output, of a channel and with so many octets.
func pourMessages(s grpc.ServerStream, channel byte, octets int) {
	text := binary.AppendUvarint([]byte{1 << 3, channel, 2<<3 | 2}, uint64(octets))
	pourRaw(s, func(uint32) []byte { return append(text, make([]byte, octets)...) })
}

// pourBroker tells of connections that there are not, each with a number of its own.
func pourBroker(s grpc.ServerStream) {
	pourRaw(s, func(i uint32) []byte { return binary.AppendUvarint([]byte{1 << 3}, uint64(i)) })
}

func pourRaw(s grpc.ServerStream, message func(i uint32) []byte) {
	for i := uint32(0); ; i++ {
		var m emptypb.Empty
		m.ProtoReflect().SetUnknown(message(i))
		if s.SendMsg(&m) != nil {
			return
		}
	}
}
