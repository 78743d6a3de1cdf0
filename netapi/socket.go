package netapi

import (
	"net"

	"github.com/gotcp/gotcp/stack"
)

// TCPConn makes a connection of a stream socket of the stack that was connected by other means than a dial or a
// listener: by [stack.ForwardTCP.Accept], say. It gets package net's defaults, no-delay and keep-alive. The socket is
// the connection's from then on.
func (n *Stack) TCPConn(s stack.Socket) *TCPConn {
	tune(s, keepAliveFor(0, net.KeepAliveConfig{}))
	return &TCPConn{conn{s, n.origin("tcp")}}
}

// UDPConn does the same with a datagram socket.
func (n *Stack) UDPConn(s stack.Socket) *UDPConn { return &UDPConn{conn{s, n.origin("udp")}} }
