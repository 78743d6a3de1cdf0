package plugins

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc/codes"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
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
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // of the stream
	s, err := reflection.NewServerReflectionClient(c.Conn).ServerReflectionInfo(ctx)
	if err == nil {
		err = s.Send(&reflection.ServerReflectionRequest{
			MessageRequest: &reflection.ServerReflectionRequest_ListServices{},
		})
	}
	if err != nil {
		return nil, reflectionError(err)
	}
	answer, err := s.Recv()
	if err != nil {
		return nil, reflectionError(err)
	}
	var names []string
	for _, s := range answer.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	slices.Sort(names)
	return names, nil
}

func reflectionError(err error) error {
	if status.Code(err) == codes.Unimplemented {
		return ErrNoReflection
	}
	return fmt.Errorf("ask for services: %w", err)
}
