package libraries

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// bench is grpc-go's own test service: a unary call and a stream, which here answer with the payload that they get.
type bench struct {
	pb.UnimplementedBenchmarkServiceServer
}

func (bench) UnaryCall(ctx context.Context, r *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	if r.GetPayload() == nil { // the sign to be slow
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &pb.SimpleResponse{Payload: r.Payload}, nil
}

func (bench) StreamingCall(s grpc.BidiStreamingServer[pb.SimpleRequest, pb.SimpleResponse]) error {
	for {
		r, err := s.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.Send(&pb.SimpleResponse{Payload: r.Payload}); err != nil {
			return err
		}
	}
}

// startGRPC serves bench and gives a client of it. grpc-go sets TCP_USER_TIMEOUT and reads socket statistics only on
// package net's own types, and looks at nothing else of a connection.
func startGRPC(t *testing.T) (*grpc.Server, pb.BenchmarkServiceClient) {
	n := open(t)
	ln := n.listen(t)
	s := grpc.NewServer(grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Second, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}))
	pb.RegisterBenchmarkServiceServer(s, bench{})
	go func() {
		if err := s.Serve(ln); err != nil {
			t.Errorf("Serve: %v", err)
		}
	}()
	t.Cleanup(s.Stop)
	cc, err := grpc.NewClient("passthrough:///"+ln.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, PermitWithoutStream: true}),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			return n.client.DialContext(ctx, "tcp", addr)
		}))
	must(t, err)
	t.Cleanup(func() { cc.Close() })
	return s, pb.NewBenchmarkServiceClient(cc)
}

// TestGRPCCalls: unary calls of many sizes, and a stream of 200 messages each way.
func TestGRPCCalls(t *testing.T) {
	_, client := startGRPC(t)
	ctx := within(t)
	for _, size := range []int{1, 1000, 3 << 20} {
		want := noise(size)
		r, err := client.UnaryCall(ctx, &pb.SimpleRequest{Payload: &pb.Payload{Body: want}})
		if err != nil || !bytes.Equal(r.GetPayload().GetBody(), want) {
			t.Errorf("unary call of %d octets: %v", size, err)
		}
	}
	s, err := client.StreamingCall(ctx)
	must(t, err)
	go func() {
		for i := range 200 {
			if err := s.Send(&pb.SimpleRequest{Payload: &pb.Payload{Body: noise(i * 100)}}); err != nil {
				t.Error(err)
			}
		}
		s.CloseSend()
	}()
	for i := range 200 {
		if r, err := s.Recv(); err != nil || !bytes.Equal(r.GetPayload().GetBody(), noise(i*100)) {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	if _, err := s.Recv(); err != io.EOF {
		t.Errorf("end of the stream: %v", err)
	}
}

// TestGRPCDeadline: a deadline ends a call, not the connection.
func TestGRPCDeadline(t *testing.T) {
	_, client := startGRPC(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}, grpc.WaitForReady(true)); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("slow call: %v", err)
	}
	if _, err := client.UnaryCall(within(t), &pb.SimpleRequest{Payload: &pb.Payload{}}); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// TestGRPCStop: a server that is stopped tells its clients at once, and a new dial is refused, which is what a client's
// retries go by. Leans on blocked reads being woken by Close and on ECONNREFUSED.
func TestGRPCStop(t *testing.T) {
	s, client := startGRPC(t)
	stream, err := client.StreamingCall(within(t))
	must(t, err)
	must(t, stream.Send(&pb.SimpleRequest{Payload: &pb.Payload{Body: []byte("x")}}))
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("stream: %v", err)
	}
	if _, err := client.UnaryCall(within(t), &pb.SimpleRequest{}); status.Code(err) != codes.Unavailable ||
		!strings.Contains(err.Error(), "connection refused") {
		t.Errorf("call: %v", err)
	}
}

// TestGRPCKeepalive: a server whose pings are not answered closes the connection. This is how grpc-go finds dead peers on
// connections that are not package net's: there it has TCP_USER_TIMEOUT as well.
func TestGRPCKeepalive(t *testing.T) {
	n := open(t)
	ln := n.listen(t)
	s := grpc.NewServer(grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Second, Timeout: 100 * time.Millisecond}))
	go s.Serve(ln)
	t.Cleanup(s.Stop)
	c := n.dial(t, ln.Addr()) // a client that says hello and no more
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	f := http2.NewFramer(c, c)
	must(t, f.WriteSettings())
	must(t, c.SetReadDeadline(time.Now().Add(30*time.Second)))
	pings := 0
	for {
		frame, err := f.ReadFrame()
		if err == io.EOF {
			break
		}
		must(t, err)
		if frame.Header().Type == http2.FramePing {
			pings++
		}
	}
	if pings == 0 {
		t.Error("closed without a ping")
	}
}
