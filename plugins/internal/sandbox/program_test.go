package sandbox_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// program is what runs in the sandbox, in a role. It is built of package net only: an unmodified program.
func program(as string, args []string) int {
	f := roles[as]
	if f == nil {
		return fatal(fmt.Errorf("no role is called %q", as))
	}
	if err := f(args); err != nil {
		return fatal(err)
	}
	return 0
}

var roles = map[string]func(args []string) error{
	"status": roleStatus, "about": roleAbout, "wait": roleWait, "signal": roleSignal, "fork": roleFork,
	"exit": roleExit, "escape": roleEscape, "nested": roleNested, "busy": roleBusy, "goplugin": roleGoPlugin,
	"ping": rolePing, "host": roleHost, "dial": roleDial, "talk": roleTalk, "abort": roleAbort, "lookup": roleLookup,
	"udp": roleUDP, "udpslowly": roleUDPSlowly,
	"dialmany": roleDialMany, "hoard": roleHoard, "listenonce": roleListenOnce, "off": roleOff,
	"listen": roleListen, "listenudp": roleListenUDP, "flood": roleFlood, "pour": rolePour,
}

// roleStatus prints what the kernel says of the process.
func roleStatus([]string) error {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(b)) {
		switch key, _, _ := strings.Cut(line, ":"); key {
		case "Uid", "Gid", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp":
			fmt.Println(strings.Join(strings.Fields(line), " "))
		}
	}
	return nil
}

// roleAbout prints what the program has from its starter.
func roleAbout(args []string) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	fmt.Printf("%q %s %s %v\n", args, os.Getenv("GREETING"), dir, os.Getpid() > 1)
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range open {
		to, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name()))
		if err != nil || strings.HasPrefix(to, "anon_inode:") || strings.HasPrefix(to, "/proc/") ||
			strings.HasPrefix(to, "/sys/") {
			continue // the runtime's, and the directory that is being read
		}
		kind, _, _ := strings.Cut(to, ":")
		fmt.Println(e.Name(), kind)
	}
	_, err = io.Copy(os.Stdout, os.Stdin)
	return err
}

// roleWait waits for the end of its standard input.
func roleWait([]string) error {
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// roleSignal prints the signals that it gets, until SIGTERM.
func roleSignal([]string) error {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1, syscall.SIGTERM)
	fmt.Println("ready")
	for s := range c {
		fmt.Println(s)
		if s == syscall.SIGTERM {
			break
		}
	}
	return nil
}

// roleFork starts a process that is in a session of its own and holds the standard output open, and waits.
func roleFork([]string) error {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), role+"=wait")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stdout = os.Stdout
	if _, err := cmd.StdinPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	return roleWait(nil)
}

// roleExit ends with a status, or by a signal.
func roleExit(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	if n > 128 {
		if err := syscall.Kill(os.Getpid(), syscall.Signal(n-128)); err != nil {
			return err
		}
		return roleWait(nil) // it comes at once
	}
	os.Exit(n)
	return nil
}

// roleBusy is never done: connections, datagrams, children.
func roleBusy(args []string) error {
	for range 4 {
		go func() {
			for {
				if c, err := net.Dial("tcp", args[0]); err == nil {
					c.Write([]byte("hello"))
					c.Read(make([]byte, 1))
					c.Close()
				}
			}
		}()
	}
	go func() {
		for {
			if c, err := net.Dial("udp", args[0]); err == nil {
				c.Write([]byte("hello"))
				c.SetReadDeadline(time.Now().Add(time.Second))
				c.Read(make([]byte, 100))
				c.Close()
			}
		}
	}()
	return roleFork(args)
}

// name is an error's name for the tests.
func name(err error) string {
	var errno syscall.Errno
	var dns *net.DNSError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host"
	case errors.As(err, &errno):
		return errno.Error()
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return err.Error()
}

// roleDial says for each address what becomes of a dial.
func roleDial(args []string) error {
	for _, a := range args {
		c, err := net.DialTimeout("tcp", a, patience)
		fmt.Println(a, name(err))
		if err == nil {
			c.Close()
		}
	}
	return nil
}

// roleTalk sends what comes by the standard input, ends its stream, and prints what comes back until the end of that.
func roleTalk(args []string) error {
	c, err := net.Dial("tcp", args[0])
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Printf("from %v to %v\n", c.LocalAddr().(*net.TCPAddr).IP, c.RemoteAddr())
	if _, err := io.Copy(c, os.Stdin); err != nil {
		return err
	}
	c.(*net.TCPConn).CloseWrite()
	_, err = io.Copy(os.Stdout, c)
	fmt.Println(name(err))
	return nil
}

// roleAbort resets a connection once a line has come.
func roleAbort(args []string) error {
	c, err := net.Dial("tcp", args[0])
	if err != nil {
		return err
	}
	if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
		return err
	}
	c.(*net.TCPConn).SetLinger(0)
	return c.Close()
}

// roleLookup says what names are.
func roleLookup(args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, a := range args {
		addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", a)
		fmt.Println(a, addrs, name(err))
	}
	return nil
}

// roleUDP sends a datagram of each size to an address, and prints how long the answer is.
func roleUDP(args []string) error {
	c, err := net.Dial("udp", args[0])
	if err != nil {
		return err
	}
	defer c.Close()
	buf := make([]byte, 65536)
	for _, a := range args[1:] {
		n, err := strconv.Atoi(a)
		if err != nil {
			return err
		}
		if _, err = c.Write(make([]byte, n)); err == nil {
			c.SetReadDeadline(time.Now().Add(patience))
			n, err = c.Read(buf)
		}
		if err != nil {
			fmt.Println(name(err))
		} else {
			fmt.Println(n)
		}
	}
	return nil
}

// roleUDPSlowly sends a datagram for each line that comes, and prints how long the answer is.
func roleUDPSlowly(args []string) error {
	c, err := net.Dial("udp", args[0])
	if err != nil {
		return err
	}
	defer c.Close()
	buf := make([]byte, 100)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		c.Write([]byte("x"))
		c.SetReadDeadline(time.Now().Add(patience))
		n, err := c.Read(buf)
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
	return nil
}

// roleListen accepts connections, says from whom, and echoes.
func roleListen(args []string) error {
	l, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			fmt.Fprintln(c, c.RemoteAddr())
			io.Copy(c, c)
		}()
	}
}

// roleListenUDP answers each datagram with its sender's address.
func roleListenUDP(args []string) error {
	pc, err := net.ListenPacket("udp", args[0])
	if err != nil {
		return err
	}
	fmt.Println("ready")
	buf := make([]byte, 65536)
	for {
		_, from, err := pc.ReadFrom(buf)
		if err != nil {
			return err
		}
		pc.WriteTo([]byte(from.String()), from)
	}
}

// rolePour reads from, or writes to, an address as many octets as it is told.
func rolePour(args []string) error {
	n, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return err
	}
	c, err := net.Dial("tcp", args[0])
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Println("ready")
	start := time.Now()
	got, err := io.CopyN(io.Discard, c, n)
	fmt.Println(got, time.Since(start).Nanoseconds(), name(err))
	return nil
}

// roleDialMany dials so many times, when a line comes.
func roleDialMany(args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
	for range n {
		c, err := net.Dial("tcp", args[0])
		if err != nil {
			return err
		}
		c.Close()
	}
	fmt.Println("done")
	return nil
}

// roleHoard has so many connections and reads none; it answers lines.
func roleHoard(args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	for range n {
		c, err := net.Dial("tcp", args[0])
		if err != nil {
			return err
		}
		defer c.Close()
	}
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		<-time.After(100 * time.Millisecond)
		fmt.Println("on")
	}
	return nil
}

// roleListenOnce listens, and that's all.
func roleListenOnce(args []string) error {
	l, err := net.Listen("tcp", args[0])
	fmt.Println(name(err))
	if err == nil {
		l.Close()
	}
	return nil
}
