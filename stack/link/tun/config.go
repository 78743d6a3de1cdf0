// Package tun is a link to the kernel of Linux: a TUN device, at one end of which is the kernel's network, and at the
// other one a stack.
//
// The fast path has the kernel's offloads both ways (IFF_VNET_HDR), so that 64 KiB of TCP cross in one system call; the
// portable path has plain packets, and needs nothing but what every kernel and songgao/water know.
package tun

import (
	"errors"
	"fmt"
)

// Path says how a device talks to the kernel.
type Path int

// The paths.
const (
	Auto     Path = iota // Fast, where the kernel has it
	Fast                 // with offloads
	Portable             // plain packets
)

// String is auto, fast or portable.
func (p Path) String() string {
	switch p {
	case Fast:
		return "fast"
	case Portable:
		return "portable"
	}
	return "auto"
}

// Config says which device to open. The zero Config makes a new one.
type Config struct {
	// Name is the interface's, at most 15 octets. Where it exists, it has to be a TUN device that nobody has open and
	// that the caller may use; else it is made, and goes with Close. A %d in it stands for the first free number.
	// Default: gotcp%d.
	Name string
	// MTU is set where it isn't what the interface has; 0 leaves that.
	MTU int
	// Queues is the number of queues, each with a reader of its own; 1. A flow stays with one of them.
	Queues int
	Path   Path
	// TxQueueLen is how many packets may wait for the stack to read them; 0 leaves the kernel's 500, at which a reader
	// without offloads loses packets in each slow start. See [Configure].
	TxQueueLen int
}

// DefaultName and DefaultTxQueueLen are what a device gets: in Open, and in Configure.
const (
	DefaultName       = "gotcp%d"
	DefaultTxQueueLen = 5000
)

// ErrNoTUN says that no TUN device is to be had here: the kernel has none, or the caller lacks the privilege. An
// [Error] is one where that is the reason.
var ErrNoTUN = errors.New("no TUN device can be had")

// Error says why a device could not be opened or set up.
type Error struct {
	Op    string // what failed
	Name  string // the interface; may be empty
	Err   error  // why, a syscall.Errno most often
	Hint  string // what is missing, and the command that helps; may be empty
	noTUN bool
}

func (e *Error) Error() string {
	s := "tun: "
	if e.Name != "" {
		s = fmt.Sprintf("tun %s: ", e.Name)
	}
	s += e.Op + ": " + e.Err.Error()
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap is Err.
func (e *Error) Unwrap() error { return e.Err }

// Is is true of [ErrNoTUN] where that is what the error comes to.
func (e *Error) Is(target error) bool { return target == ErrNoTUN && e.noTUN }

// Stats counts the frames of a device.
type Stats struct {
	In, Out   uint64 // received, written
	Cut       uint64 // written in pieces, as the kernel refused the whole
	Refused   uint64 // that the kernel didn't take
	NotIPv4   uint64 // received, and dropped as they weren't IPv4 (each interface has some IPv6 at first)
	BadHeader uint64 // received, and dropped as the virtio-net header didn't fit the packet
}
