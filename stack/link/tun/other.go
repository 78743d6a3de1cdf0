//go:build !linux

package tun

import (
	"errors"
	"net/netip"
	"os"

	"github.com/gotcp/gotcp/stack/link"
)

// Device is none: TUN devices as this package uses them are Linux's.
type Device struct{ link.Device }

var errOther = &Error{Op: "open", Err: errors.ErrUnsupported, Hint: "TUN devices are for Linux only", noTUN: true}

// Open says that there are no TUN devices here.
func Open(Config) (*Device, error) { return nil, errOther }

// Available says so, too.
func Available() error { return errOther }

// Configure says so, too.
func Configure(string, netip.Prefix, int) error { return errOther }

// SetPeer says so, too.
func SetPeer(string, netip.Addr) error { return errOther }

// SetTxQueueLen says so, too.
func SetTxQueueLen(string, int) error { return errOther }

// SetUp says so, too.
func SetUp(string) error { return errOther }

// LoopbackUp says so, too.
func LoopbackUp() error { return errOther }

// MTU says so, too.
func MTU(string) (int, error) { return 0, errOther }

// AddRoute says so, too.
func AddRoute(netip.Prefix, string, netip.Addr) error { return errOther }

// Err is nil.
func (*Device) Err() error { return nil }

// Path is Auto: there is none.
func (*Device) Path() Path { return Auto }

// Stats is zero.
func (*Device) Stats() Stats { return Stats{} }

// File says that there are no TUN devices here.
func (*Device) File() (*os.File, error) { return nil, errOther }

// Adopt says so, too.
func Adopt(*os.File, int) (*Device, error) { return nil, errOther }
