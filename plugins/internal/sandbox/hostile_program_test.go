package sandbox_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// roleEscape tries the ways out, and says what the kernel says of each.
func roleEscape([]string) error {
	ask := func(what string, err error) { fmt.Println(what, name(err)) }
	for family, what := range map[int]string{
		unix.AF_VSOCK: "vsock", unix.AF_BLUETOOTH: "bluetooth", unix.AF_ALG: "alg",
	} {
		_, err := unix.Socket(family, unix.SOCK_STREAM, 0)
		ask(what, err)
	}
	_, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	ask("packet", err)
	_, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
	ask("raw", err)
	_, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, 0, 0)
	ask("io_uring", errno)
	ask("unshare", unix.Unshare(unix.CLONE_NEWNET))
	ask("mount", unix.Mount("tmpfs", "/tmp", "tmpfs", 0, ""))
	ask("umount", unix.Unmount("/etc/resolv.conf", unix.MNT_DETACH))
	ask("ptrace 1", unix.PtraceAttach(1))
	_, err = os.Readlink("/proc/1/fd/3")
	ask("fds of 1", err)
	_, err = os.OpenFile("/proc/1/mem", os.O_RDWR, 0)
	ask("memory of 1", err)
	ask("core_pattern", rewrite("/proc/sys/kernel/core_pattern"))
	ask("setuid", syscall.Setuid(12345))
	ask("link down", linkDown())
	tun, err := unix.Open("/dev/net/tun", unix.O_RDWR, 0)
	if err == nil {
		ifr, _ := unix.NewIfreq("other0")
		ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(tun, unix.TUNSETIFF, ifr)
	}
	ask("tun", err)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), role+"=nested")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	id := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID, UidMappings: id, GidMappings: id,
	}
	if err := cmd.Run(); err != nil {
		fmt.Println("nested:", name(err))
	}
	return nil
}

// roleNested has all capabilities in namespaces within those of the sandbox, and tries to undo what that has done.
func roleNested([]string) error {
	ask := func(what string, err error) { fmt.Println("nested:", what, name(err)) }
	ask("resolv.conf", unix.Unmount("/etc/resolv.conf", unix.MNT_DETACH))
	unix.Mount("proc", "/proc", "proc", 0, "") // which may be had where that is of no use
	ask("core_pattern", rewrite("/proc/sys/kernel/core_pattern"))
	ask("link down", linkDown())
	return nil
}

// linkDown sets the program's interface down.
func linkDown() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("gotcp0")
	if err != nil {
		return err
	}
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}

// rewrite writes to a file what is in it, which does no harm where that succeeds.
func rewrite(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0)
}

// rolePing sends an echo request by a socket that takes no privilege, and says whether the answer is one.
func rolePing(args []string) error {
	ifc, err := net.InterfaceByName("gotcp0")
	if err != nil {
		return err
	}
	fmt.Println("MTU", ifc.MTU)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_ICMP)
	if err != nil {
		return err
	}
	to := netip.MustParseAddr(args[0])
	echo := []byte{8, 0, 0, 0, 0, 0, 0, 1, 'p', 'i', 'n', 'g'} // the kernel fills the checksum and the identifier in
	if err := unix.Sendto(fd, echo, 0, &unix.SockaddrInet4{Addr: to.As4()}); err != nil {
		return err
	}
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, new(unix.NsecToTimeval(patience.Nanoseconds())))
	buf := make([]byte, 100)
	n, _, err := unix.Recvfrom(fd, buf, 0)
	if err == nil && (n != len(echo) || buf[0] != 0 || string(buf[8:n]) != "ping") {
		err = fmt.Errorf("the answer is %x", buf[:n])
	}
	fmt.Println(name(err))
	return nil
}

// roleFlood begins as many connections and flows as it is told, some of them in fragments, without ending any; then it
// waits.
func roleFlood(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	at := netip.MustParseAddr("192.0.2.1")
	for i := range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			break // as many as the kernel lets it have
		}
		unix.Connect(fd, &unix.SockaddrInet4{Port: 1 + i%60000, Addr: at.As4()})
	}
	pc, err := net.ListenPacket("udp4", ":0")
	if err != nil {
		return err
	}
	u := pc.(*net.UDPConn)
	for i := range n {
		u.WriteToUDPAddrPort([]byte("x"), netip.AddrPortFrom(at, uint16(1+i%60000)))
		u.WriteToUDPAddrPort(make([]byte, 4000), netip.AddrPortFrom(at.Next(), uint16(1+i%60000)))
	}
	return roleWait(nil)
}
