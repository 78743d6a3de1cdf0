package sandbox

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// auditArch is how the kernel calls this machine's architecture where a filter asks.
var auditArch = map[string]uint32{
	"386": unix.AUDIT_ARCH_I386, "amd64": unix.AUDIT_ARCH_X86_64, "arm": unix.AUDIT_ARCH_ARM,
	"arm64": unix.AUDIT_ARCH_AARCH64, "loong64": unix.AUDIT_ARCH_LOONGARCH64, "mips": unix.AUDIT_ARCH_MIPS,
	"mipsle": unix.AUDIT_ARCH_MIPSEL, "mips64": unix.AUDIT_ARCH_MIPS64, "mips64le": unix.AUDIT_ARCH_MIPSEL64,
	"ppc64": unix.AUDIT_ARCH_PPC64, "ppc64le": unix.AUDIT_ARCH_PPC64LE, "riscv64": unix.AUDIT_ARCH_RISCV64,
	"s390x": unix.AUDIT_ARCH_S390X,
}

// families are those of sockets that a network namespace confines, or that lead nowhere: no AF_VSOCK, which would be a
// way to the machine that this virtual one is on, nor Bluetooth, InfiniBand and the like.
var families = []uint32{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK}

// Where struct seccomp_data has what a filter looks at. An argument's low half comes first but on big-endian machines.
const (
	dataNumber   = 0
	dataArch     = 4
	dataArgument = 16
)

// x32 is the bit that marks the numbers of system calls of another interface to an amd64 kernel.
const x32 = 0x40000000

// filter is a program of the kernel's: a list of instructions, in which jumps are relative.
type filter []unix.SockFilter

func (f *filter) load(at uint32) {
	*f = append(*f, unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at})
}

func (f *filter) answer(k uint32) {
	*f = append(*f, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k})
}

// unless jumps over the next n instructions where what was loaded is k.
func (f *filter) unless(k uint32, n uint8) {
	*f = append(*f, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: n, K: k})
}

// only jumps over the next n instructions where what was loaded isn't k.
func (f *filter) only(k uint32, n uint8) {
	*f = append(*f, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: n, K: k})
}

// socketFilter is the filter for an architecture. On 386 and s390x there is socketcall beside it, whose arguments no
// filter sees; that is let through, as Go's programs there have no other.
func socketFilter(goarch string) filter {
	var f filter
	f.load(dataArch)
	f.unless(auditArch[goarch], 1)
	f.answer(unix.SECCOMP_RET_KILL_PROCESS) // a 32-bit program has other numbers, and a call for several in one
	f.load(dataNumber)
	if goarch == "amd64" {
		f = append(f, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, Jf: 1, K: x32})
		f.answer(unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS))
	}
	f.only(unix.SYS_IO_URING_SETUP, 1) // it makes sockets, and no filter sees it
	f.answer(unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS))
	f.unless(unix.SYS_SOCKET, 1)
	f.answer(unix.SECCOMP_RET_ALLOW)
	f.load(dataArgument + lowHalf(goarch))
	for i, family := range families {
		f.unless(family, uint8(len(families)-i)) // to the last instruction
	}
	f.answer(unix.SECCOMP_RET_ERRNO | uint32(unix.EAFNOSUPPORT))
	f.answer(unix.SECCOMP_RET_ALLOW)
	return f
}

// lowHalf is where the low half of 64 bits lies.
func lowHalf(goarch string) uint32 {
	switch goarch {
	case "mips", "mips64", "ppc64", "s390x":
		return 4
	}
	return 0
}

// limitSystemCalls puts the filter on this thread and what it starts. It takes no_new_privs.
func limitSystemCalls() error {
	f := socketFilter(runtime.GOARCH)
	prog := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(f)
	if errno != 0 {
		return os.NewSyscallError("seccomp", errno)
	}
	return nil
}
