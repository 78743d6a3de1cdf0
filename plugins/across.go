package plugins

import (
	"context"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/plugins/internal/border"
)

// Across gives a network as a plugin has it that a [Host] gives n to: across a border, of which here both ends are in
// this process. So a test sees what a program makes of it, without a second process; `gotcp parity` compares it with
// package net. end closes all that was made over it, as the plugin's death does, and leaves n alone.
func Across(n netapi.Tuned) (across netapi.Tuned, end func() error, err error) {
	hostEnd, pluginEnd, err := border.SocketPair()
	if err != nil {
		return nil, nil, err
	}
	host, err := border.FD(hostEnd)
	if err != nil {
		pluginEnd.Close()
		return nil, nil, err
	}
	served := make(chan error, 1)
	go func() { served <- border.Serve(context.Background(), host, n, border.Limits{}) }()
	plugin, err := border.FD(pluginEnd)
	if err != nil {
		host.Close()
		return nil, nil, err
	}
	b, err := border.Open(plugin)
	if err != nil {
		return nil, nil, err
	}
	return b, func() error {
		b.Close()
		return <-served
	}, nil
}
