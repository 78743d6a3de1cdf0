package tun

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/stack/link"
)

// errQueues says that several descriptors would have to be handed over.
var errQueues = errors.New("a device with several queues has no one file")

// File returns a duplicate of the device's descriptor, for another process to [Adopt]: one that made the device in a
// network namespace of its own has the right to, but another one is to drive it. The interface lives until both are
// closed. The caller closes the file; the device should be closed, too, before the other process reads.
func (d *Device) File() (*os.File, error) {
	if len(d.queues) != 1 {
		return nil, &Error{Op: "duplicate", Name: d.name, Err: errQueues}
	}
	var file *os.File
	switch q := d.queues[0].(type) {
	case *fastQueue:
		file = q.file
	case *plainQueue:
		file = q.file
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, &Error{Op: "duplicate", Name: d.name, Err: err}
	}
	fd := -1
	failed := raw.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 3) })
	if err = errors.Join(failed, err); err != nil {
		return nil, &Error{Op: "duplicate", Name: d.name, Err: err}
	}
	return os.NewFile(uintptr(fd), devicePath), nil
}

// Adopt makes a device of the descriptor of a TUN interface that another process has set up, in whatever network
// namespace; mtu is the interface's, which can be asked there only. It takes the file, also where it fails.
func Adopt(file *os.File, mtu int) (*Device, error) {
	d, err := adopt(file, mtu)
	if err != nil {
		file.Close()
		return nil, err
	}
	return d, nil
}

func adopt(file *os.File, mtu int) (*Device, error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, &Error{Op: "adopt", Err: err}
	}
	d := &Device{path: Portable, adopted: true}
	failed := raw.Control(func(fd uintptr) { err = d.adoptFD(int(fd), file) })
	if err = errors.Join(failed, err); err != nil {
		return nil, err
	}
	d.mtu.Store(int64(mtu))
	d.init()
	return d, nil
}

// adoptFD makes a queue of the descriptor, by the flags that its interface was made with.
func (d *Device) adoptFD(fd int, file *os.File) error {
	ifr, err := unix.NewIfreq("")
	if err == nil {
		err = unix.IoctlIfreq(fd, unix.TUNGETIFF, ifr)
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		return &Error{Op: "adopt", Err: err, Hint: "the descriptor is not that of a TUN interface"}
	}
	unix.CloseOnExec(fd)
	d.name = strings.TrimRight(ifr.Name(), "\x00")
	if ifr.Uint16()&unix.IFF_VNET_HDR == 0 {
		d.queues = []queue{&plainQueue{file}}
		return nil
	}
	d.path, d.off = Fast, link.Offload{Csum: true, TSO: true, MaxSize: link.MaxPacket}
	if d.off.USO, err = setOffload(fd, d.name); err != nil {
		return err
	}
	d.queues = []queue{newFastQueue(file, fd, &d.refuses)}
	return nil
}
