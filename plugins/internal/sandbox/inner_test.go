package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/stack/link/netns"
	"github.com/gotcp/gotcp/stack/link/tun"
)

func TestSwitchConf(t *testing.T) {
	const rest = "passwd: files systemd\nnetworks: files\n"
	for _, text := range []string{
		rest, "hosts: files mdns4_minimal [NOTFOUND=return] resolve dns\n" + rest,
		" hosts : resolve\n" + rest + "hosts: nis", strings.TrimSpace(rest),
	} {
		if got := switchConf(text); got != rest+"hosts: files dns\n" {
			t.Errorf("of %q comes %q: want the rest, and hosts that are found in files and the DNS only", text, got)
		}
	}
}

// run runs the filter on a system call; its data is in the order of octets of the emulator, which is big-endian.
func (f filter) run(t *testing.T, arch, number, arg uint32, goarch string) uint32 {
	t.Helper()
	var program []bpf.Instruction
	for _, i := range f {
		program = append(program, bpf.RawInstruction{Op: i.Code, Jt: i.Jt, Jf: i.Jf, K: i.K}.Disassemble())
	}
	vm, err := bpf.NewVM(program) // which checks where the jumps lead
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 64)
	put := func(at, v uint32) {
		data[at], data[at+1], data[at+2], data[at+3] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
	}
	put(dataNumber, number)
	put(dataArch, arch)
	put(dataArgument+lowHalf(goarch), arg)
	answer, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(answer)
}

func TestSocketFilter(t *testing.T) {
	refuse := func(e syscall.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(e) }
	for goarch, arch := range auditArch {
		f := socketFilter(goarch)
		for _, c := range []struct {
			what              string
			arch, number, arg uint32
			want              uint32
		}{
			{"any call", arch, unix.SYS_CLONE, 17, unix.SECCOMP_RET_ALLOW},
			{"AF_UNIX", arch, unix.SYS_SOCKET, unix.AF_UNIX, unix.SECCOMP_RET_ALLOW},
			{"AF_INET", arch, unix.SYS_SOCKET, unix.AF_INET, unix.SECCOMP_RET_ALLOW},
			{"AF_INET6", arch, unix.SYS_SOCKET, unix.AF_INET6, unix.SECCOMP_RET_ALLOW},
			{"AF_NETLINK", arch, unix.SYS_SOCKET, unix.AF_NETLINK, unix.SECCOMP_RET_ALLOW},
			{"AF_VSOCK", arch, unix.SYS_SOCKET, unix.AF_VSOCK, refuse(unix.EAFNOSUPPORT)},
			{"AF_UNSPEC", arch, unix.SYS_SOCKET, 0, refuse(unix.EAFNOSUPPORT)},
			{"io_uring", arch, unix.SYS_IO_URING_SETUP, 1, refuse(unix.ENOSYS)},
			{"another architecture", arch ^ 1, unix.SYS_GETPID, 0, unix.SECCOMP_RET_KILL_PROCESS & 0xffffffff},
		} {
			if got := f.run(t, c.arch, c.number, c.arg, goarch); got != c.want {
				t.Errorf("%s, %s: the filter answers %#x, want %#x", goarch, c.what, got, c.want)
			}
		}
	}
	got := socketFilter("amd64").run(t, unix.AUDIT_ARCH_X86_64, x32|41, unix.AF_VSOCK, "amd64") // socket there
	if got != refuse(unix.ENOSYS) {
		t.Errorf("amd64's other interface: the filter answers %#x, want ENOSYS", got)
	}
}

// Errors keep what they are on their way from PID 1.
func TestFailure(t *testing.T) {
	ours, theirs, err := newControl()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	pid1, err := controlConn(theirs)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []error{
		syscall.EPERM, fmt.Errorf("wrapped: %w", os.NewSyscallError("mount", syscall.EACCES)), errors.New("no errno"),
		netns.Powerless(syscall.EPERM), tun.ErrNoTUN,
	} {
		if err := send(pid1, &report{Failed: newFailure("try", e)}, -1); err != nil {
			t.Fatal(err)
		}
		var r report
		if _, err := receive(ours, &r); err != nil || r.Failed == nil {
			t.Fatalf("the report is %+v, %v", r, err)
		}
		got := r.Failed.error()
		if want := "sandbox: try: " + e.Error(); got.Error() != want {
			t.Errorf("the text is %q, want %q", got, want)
		}
		for _, is := range []error{syscall.EPERM, syscall.EACCES, netns.ErrForbidden, tun.ErrNoTUN} {
			if errors.Is(got, is) != errors.Is(e, is) {
				t.Errorf("%v is %v: %v, want %v", got, is, errors.Is(got, is), errors.Is(e, is))
			}
		}
	}
	pid1.Close()
	if _, err := receive(ours, &report{}); err != io.EOF {
		t.Errorf("after the end of PID 1 there is %v, want io.EOF", err)
	}
	if err := send(ours, &order{Files: []etcFile{{Text: strings.Repeat("x", maxMessage)}}}, -1); err != errTooLong {
		t.Errorf("a hosts file of %d octets gives %v", maxMessage, err)
	}
}

// Whatever a message is, it is taken or refused, and of its descriptors no more than one is kept.
func FuzzReceive(f *testing.F) {
	f.Add([]byte(`{"Device":"gotcp0","MTU":1500}`), 1)
	f.Add([]byte(`{"Failed":{"Op":"x","Errno":1}}`), 0)
	f.Add([]byte(`{"Ended":true,"Status":-9}`), 3)
	f.Add([]byte{0xff}, 4)
	f.Fuzz(func(t *testing.T, message []byte, fds int) {
		ours, theirs, err := newControl()
		if err != nil {
			t.Fatal(err)
		}
		defer ours.Close()
		defer theirs.Close()
		before := openFiles(t)
		var oob []byte
		if n := fds & 7; n > 0 {
			all := make([]int, n)
			for i := range all {
				all[i] = int(theirs.Fd())
			}
			oob = unix.UnixRights(all...)
		}
		if unix.Sendmsg(int(theirs.Fd()), message[:min(len(message), maxMessage)], oob, nil, 0) != nil || len(message) == 0 {
			return // an empty message is the end
		}
		var r report
		file, err := receive(ours, &r)
		if err != nil && file != nil {
			t.Errorf("%v, and a descriptor", err)
		}
		if r.Failed != nil {
			_ = r.Failed.error().Error()
		}
		_ = describe(r.Status)
		if file != nil {
			file.Close()
		}
		if n := openFiles(t); n != before {
			t.Errorf("%d descriptors are open, and %d were before", n, before)
		}
	})
}

func openFiles(t *testing.T) int {
	t.Helper()
	l, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(l)
}

func TestAnswerTo(t *testing.T) {
	for _, c := range []struct{ err, want error }{
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, syscall.ECONNREFUSED},
		{&net.OpError{Op: "dial", Err: context.DeadlineExceeded}, syscall.ETIMEDOUT},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ETIMEDOUT)}, syscall.ETIMEDOUT},
		{syscall.EDQUOT, syscall.EACCES}, {syscall.EPERM, syscall.EACCES}, {syscall.EINVAL, syscall.ENETUNREACH},
		{io.ErrUnexpectedEOF, syscall.ECONNREFUSED},
	} {
		if got := answerTo(c.err); got != c.want {
			t.Errorf("of %v the program is told %v, want %v", c.err, got, c.want)
		}
	}
}

// A program can't fill the log, and what isn't written is counted.
func TestQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q quiet
		lines, skipped := 0, 0
		for range 3 {
			for range 1000 {
				if ok, n := q.line(); ok {
					lines++
					skipped += n
				}
			}
			time.Sleep(time.Second)
		}
		if ok, n := q.line(); ok {
			skipped += n
		}
		if lines != 3*burst || skipped != 3*(1000-burst) {
			t.Errorf("%d lines were written and %d counted, want %d and %d", lines, skipped, 3*burst, 3*(1000-burst))
		}
	})
}

// The program's own name is its address, and the operator's lines come last.
func TestHostsFile(t *testing.T) {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	got := hostsFile(&Config{Address: netip.MustParsePrefix("10.1.2.3/24"), Hosts: "192.0.2.1 db\n"})
	for _, w := range []string{"127.0.0.1 localhost\n", "10.1.2.3 " + name + "\n"} {
		if !strings.Contains(got, w) {
			t.Errorf("%q lacks %q", got, w)
		}
	}
	if !strings.HasSuffix(got, "192.0.2.1 db\n") {
		t.Errorf("%q doesn't end with the lines given", got)
	}
}
