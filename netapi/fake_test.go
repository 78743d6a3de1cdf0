package netapi

import (
	"context"
	"net/netip"
	"time"

	"github.com/gotcp/gotcp/stack"
	"github.com/gotcp/gotcp/stack/tcp"
)

// fakeSocket gives one error from every call, so that a test sees what the facade makes of it. Options are kept.
type fakeSocket struct {
	err           error
	n             int
	local, remote netip.AddrPort
	opts          map[[2]int]int
}

func newFake(err error) *fakeSocket {
	return &fakeSocket{
		err:    err,
		local:  netip.MustParseAddrPort("10.0.0.1:1000"),
		remote: netip.MustParseAddrPort("10.0.0.2:80"),
		opts:   map[[2]int]int{},
	}
}

func (s *fakeSocket) Bind(netip.AddrPort) error                     { return s.err }
func (s *fakeSocket) Connect(context.Context, netip.AddrPort) error { return s.err }
func (s *fakeSocket) StartConnect(netip.AddrPort) error             { return s.err }
func (s *fakeSocket) Listen(int) error                              { return s.err }
func (s *fakeSocket) Accept() (stack.Socket, error)                 { return s, s.err }
func (s *fakeSocket) TryAccept() (stack.Socket, error)              { return s, s.err }
func (s *fakeSocket) Read([]byte) (int, error)                      { return s.n, s.err }
func (s *fakeSocket) Write([]byte) (int, error)                     { return s.n, s.err }
func (s *fakeSocket) Writev([][]byte) (int64, error)                { return int64(s.n), s.err }
func (s *fakeSocket) SendTo([]byte, netip.AddrPort) (int, error)    { return s.n, s.err }
func (s *fakeSocket) Shutdown(int) error                            { return s.err }
func (s *fakeSocket) Close() error                                  { return s.err }
func (s *fakeSocket) Abort() error                                  { return s.err }
func (s *fakeSocket) SetReadDeadline(time.Time) error               { return s.err }
func (s *fakeSocket) SetWriteDeadline(time.Time) error              { return s.err }
func (s *fakeSocket) TryRead([]byte, bool) (int, error)             { return s.n, s.err }
func (s *fakeSocket) TryWrite([]byte) (int, error)                  { return s.n, s.err }
func (s *fakeSocket) WaitReadable(bool) error                       { return nil }
func (s *fakeSocket) WaitWritable(bool) error                       { return nil }
func (s *fakeSocket) Ready() (readable, writable bool)              { return true, true }
func (s *fakeSocket) LocalAddr() netip.AddrPort                     { return s.local }
func (s *fakeSocket) RemoteAddr() netip.AddrPort                    { return s.remote }
func (s *fakeSocket) Info() tcp.Info                                { return tcp.Info{} }
func (s *fakeSocket) SetCongestion(string) error                    { return s.err }
func (s *fakeSocket) Congestion() string                            { return "reno" }

func (s *fakeSocket) RecvFrom([]byte) (n, full int, from netip.AddrPort, err error) {
	return s.n, s.n, s.remote, s.err
}

func (s *fakeSocket) TryRecvFrom([]byte, bool) (n, full int, from netip.AddrPort, err error) {
	return s.n, s.n, s.remote, s.err
}

func (s *fakeSocket) SetOpt(level, name, value int) error {
	if s.err == nil {
		s.opts[[2]int{level, name}] = value
	}
	return s.err
}

func (s *fakeSocket) Opt(level, name int) (int, error) { return s.opts[[2]int{level, name}], s.err }
