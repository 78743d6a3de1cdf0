package plugins

import (
	"context"
	"errors"
	"io"
	"net/rpc"
	"sync"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Where file descriptors cannot be passed, what else goes over them goes over one gRPC stream, octets in pieces of at
// most so many. The service has one method, whose messages are google.protobuf.BytesValue both ways.
const (
	serviceName = "gotcp.plugins.v1.Border"
	methodName  = "Connect"
	pieceSize   = 64 << 10
)

var serviceDesc = grpc.ServiceDesc{
	ServiceName: serviceName,
	HandlerType: (*any)(nil),
	Streams: []grpc.StreamDesc{{
		StreamName: methodName, ServerStreams: true, ClientStreams: true,
		Handler: func(srv any, s grpc.ServerStream) error { return srv.(*netPlugin).connect(s) },
	}},
}

// netPlugin is the one plugin that a binary made with this package has.
type netPlugin struct {
	streams chan io.ReadWriteCloser // plugin side: streams of the host; nil on the host
}

var _ plugin.GRPCPlugin = (*netPlugin)(nil)

// GRPCServer implements plugin.GRPCPlugin.
func (p *netPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	s.RegisterService(&serviceDesc, p)
	return nil
}

// GRPCClient implements plugin.GRPCPlugin: it gives the connection.
func (p *netPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return c, nil
}

var errGRPCOnly = errors.New("gotcp's plugins speak gRPC, not net/rpc")

// Server implements plugin.Plugin.
func (*netPlugin) Server(*plugin.MuxBroker) (any, error) { return nil, errGRPCOnly }

// Client implements plugin.Plugin.
func (*netPlugin) Client(*plugin.MuxBroker, *rpc.Client) (any, error) { return nil, errGRPCOnly }

// connect takes a stream of the host's, and lasts as long as it is in use. The host has one.
func (p *netPlugin) connect(s grpc.ServerStream) error {
	c := newStreamConn(s, func() {}) // connect's end is the stream's
	select {
	case p.streams <- c:
	default:
		return errors.New("there is a stream already")
	}
	select {
	case <-c.closed:
	case <-s.Context().Done():
	}
	return nil
}

// openStream opens the stream from the host's side.
func openStream(ctx context.Context, c *grpc.ClientConn) (io.ReadWriteCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	s, err := c.NewStream(ctx, &serviceDesc.Streams[0], "/"+serviceName+"/"+methodName)
	if err != nil {
		cancel()
		return nil, err
	}
	return newStreamConn(s, cancel), nil // not CloseSend, which must not be called during SendMsg
}

// messages is what the two ends of a gRPC stream have in common.
type messages interface {
	SendMsg(m any) error
	RecvMsg(m any) error
}

// streamConn makes a stream of octets of a stream of messages. One goroutine may read and one write at a time.
type streamConn struct {
	s    messages
	rest []byte // received and not read
	end  func()
	once sync.Once

	closed chan struct{}
}

// newStreamConn makes one. Its Close calls end, which has to end a Read and a Write, too.
func newStreamConn(s messages, end func()) *streamConn {
	return &streamConn{s: s, end: end, closed: make(chan struct{})}
}

// Read implements io.Reader.
func (c *streamConn) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		var m wrapperspb.BytesValue
		if err := c.s.RecvMsg(&m); err != nil {
			return 0, err
		}
		c.rest = m.Value
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// Write implements io.Writer.
func (c *streamConn) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		piece := p[:min(len(p), pieceSize)]
		if err := c.s.SendMsg(&wrapperspb.BytesValue{Value: piece}); err != nil {
			return n, err
		}
		n += len(piece)
		p = p[len(piece):]
	}
	return n, nil
}

// Close implements io.Closer.
func (c *streamConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.end()
	})
	return nil
}
