// Package link is where packets enter and leave: the [Device] interface, links in memory, and impairments.
//
// Devices compose: a tap or an impairment is a Device around another one.
package link

// Csum says what is known of a frame's transport checksum.
type Csum uint8

const (
	CsumFull     Csum = iota // complete in the packet; the receiver verifies it
	CsumPartial              // the field holds the pseudo-header's sum only; the device or whoever reads it completes it
	CsumVerified             // complete, and the device vouches for it
)

// Frame is an IPv4 packet on its way over a [Device], possibly a super-segment of up to 64 KiB.
//
// A frame is lent: what it points to belongs to its sender again once the call that carried it returns.
type Frame struct {
	Head []byte   // the packet; on output at least its IP and transport headers
	Tail [][]byte // on output: the rest of the packet, in pieces; nil on input
	Csum Csum
	// GSOSize, where it is not 0, says that this is a super-segment (TCP) or a train of datagrams (UDP) which is to be
	// cut into packets of so many payload octets each. Its IP length, checksum field and TCP flags are as Linux's
	// virtio-net header has them.
	GSOSize int
	// Buf is, on input, the whole buffer in which Head lies, where the device allows to keep it; else nil. Who keeps it
	// puts another buffer of the same length here before returning.
	Buf []byte
}

// Len is the packet's length in octets.
func (f *Frame) Len() int {
	n := len(f.Head)
	for _, b := range f.Tail {
		n += len(b)
	}
	return n
}

// Offload says what a device's Write takes beyond plain packets.
type Offload struct {
	Csum    bool // frames with CsumPartial
	TSO     bool // TCP frames with GSOSize
	USO     bool // UDP frames with GSOSize
	MaxSize int  // the largest frame with GSOSize, IP header included; 0 where TSO and USO are off
}

// Device is a link that carries IPv4 packets.
type Device interface {
	// Name identifies the device in messages and statistics.
	Name() string
	// MTU is the largest packet, IP header included, without GSOSize.
	MTU() int
	// Offload says which frames Write takes. It doesn't change once the device is attached.
	Offload() Offload
	// Attach gives the device its receiver and starts delivery. recv may be called from several goroutines at a time,
	// must not block, and may call Write. It is called once in a device's life.
	Attach(recv func(*Frame)) error
	// Write sends one frame, lent until it returns. A full queue drops the frame and says ErrDropped; a closed device
	// says ErrClosed.
	Write(f *Frame) error
	// Close stops delivery: after it has returned recv is not called any more. It must not be called from recv.
	Close() error
}
