package plugins

import (
	"context"
	"errors"

	"google.golang.org/grpc"
)

// What a plugin's gRPC server may send: messages of so many octets, which is more than go-plugin's own and ours have,
// so much of headers, and so much ahead.
const (
	maxGRPCMessage = 1 << 20
	maxGRPCHeader  = 64 << 10
	grpcWindow     = 512 << 10 // octets that wait to be read; grpc-go's own grows to 16 MiB, and small messages cost more
)

// dialOptions bound what a plugin's gRPC server can have its host do. Go-plugin itself sets no bounds.
func dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxGRPCMessage)),
		grpc.WithMaxHeaderListSize(maxGRPCHeader),
		grpc.WithInitialWindowSize(grpcWindow),
		grpc.WithInitialConnWindowSize(grpcWindow),
		grpc.WithStreamInterceptor(withoutBroker),
	}
}

// brokerMethod opens the stream by which go-plugin's two ends tell each other of further connections.
const brokerMethod = "/plugin.GRPCBroker/StartStream"

var errNoBroker = errors.New("this host has no broker")

// withoutBroker refuses the broker's stream. Nothing of ours needs it; a plugin could have each of its messages cost a
// goroutine for seconds; and a foreign plugin has one stream for its messages, which are for its own host.
var withoutBroker grpc.StreamClientInterceptor = func(ctx context.Context, desc *grpc.StreamDesc, c *grpc.ClientConn,
	method string, open grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
	if method == brokerMethod {
		return nil, errNoBroker
	}
	return open(ctx, desc, c, method, options...)
}
