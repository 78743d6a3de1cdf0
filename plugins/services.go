package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
)

// ErrNoReflection says that a plugin doesn't tell its services: it speaks net/rpc, or is made with an old go-plugin.
var ErrNoReflection = errors.New("the plugin has no server reflection")

// Services lists the gRPC services that the plugin offers, go-plugin's own included. The error is [ErrNoReflection]
// where it doesn't tell.
func (p *Plugin) Services(ctx context.Context) ([]string, error) {
	p.mu.Lock()
	inst, state := p.inst, p.status.State
	p.mu.Unlock()
	if inst == nil {
		return nil, fmt.Errorf("plugin %s: it is %s", p.spec.Name, state)
	}
	c, ok := inst.protocol.(*plugin.GRPCClient)
	if !ok {
		return nil, ErrNoReflection
	}
	for _, service := range []string{"grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"} {
		names, err := services(ctx, c.Conn, service)
		if status.Code(err) != codes.Unimplemented {
			return names, err
		}
	}
	return nil, ErrNoReflection
}

// services asks for the list by one version of the protocol, whose messages are the same in both.
func services(ctx context.Context, c *grpc.ClientConn, service string) ([]string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // of the stream
	stream := &reflection.ServerReflection_ServiceDesc.Streams[0]
	s, err := c.NewStream(ctx, stream, "/"+service+"/"+stream.StreamName)
	if err != nil {
		return nil, err
	}
	ask := &reflection.ServerReflectionRequest{MessageRequest: &reflection.ServerReflectionRequest_ListServices{}}
	if err := s.SendMsg(ask); err != nil && !errors.Is(err, io.EOF) { // whose reason RecvMsg has
		return nil, err
	}
	var answer reflection.ServerReflectionResponse
	if err := s.RecvMsg(&answer); err != nil {
		return nil, err
	}
	var names []string
	for _, s := range answer.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	slices.Sort(names)
	return names, nil
}
