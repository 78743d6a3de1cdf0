package netspec

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/net/nettest"

	"github.com/gotcp/gotcp/examples/httpserver/site"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack/link/netns"
)

var (
	cleanSize = flag.Int64("clean", 16<<20, "octets each way over a good link")
	lossySize = flag.Int64("lossy", 1<<20, "octets each way over a bad link")
)

// TestMain runs the tests in a network namespace of their own.
func TestMain(m *testing.M) { netns.Main(m) }

// bad is a link that does everything to packets that a link can do.
const bad = "private,loss=3%,reorder=3%,duplicate=3%,corrupt=3%,seed=5"

// openPrivate opens a network with a device.
func openPrivate(t testing.TB, spec string) *Net {
	t.Helper()
	netns.Require(t)
	s, err := Parse(spec)
	if err != nil {
		t.Fatal(err)
	}
	n, err := Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// serveSite runs the unmodified net/http server of the example on a network.
func serveSite(t testing.TB, n netapi.Network, addr string) (url string) {
	t.Helper()
	ln, err := n.Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: site.Handler()}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		srv.Close()
		if err := <-served; err != http.ErrServerClosed && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return "http://" + ln.Addr().String()
}

// exchange downloads and uploads by a client on a network, and compares hashes.
func exchange(t testing.TB, n netapi.Network, url string, size int64) {
	t.Helper()
	tr := &http.Transport{DialContext: n.DialContext}
	defer tr.CloseIdleConnections()
	client := &http.Client{Transport: tr}
	sum := sha256.New()
	resp, err := client.Get(fmt.Sprintf("%s/download?size=%d", url, size))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.Copy(sum, resp.Body); got != size || err != nil {
		t.Fatalf("download: %d octets of %d, %v", got, size, err)
	}
	resp.Body.Close()
	if d := resp.Trailer.Get("Content-Digest"); d != site.Digest(sum.Sum(nil)) {
		t.Errorf("download: the hashes differ: %s sent, %s received", d, site.Digest(sum.Sum(nil)))
	}
	sum.Reset()
	resp, err = client.Post(url+"/upload", "", io.TeeReader(site.Content(size), sum))
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if d := resp.Header.Get("Content-Digest"); d != site.Digest(sum.Sum(nil)) {
		t.Errorf("upload: the hashes differ: %s sent, %s received", site.Digest(sum.Sum(nil)), d)
	}
}

// TestServer: the kernel's TCP is the client of an unmodified server on the stack.
func TestServer(t *testing.T) {
	for _, c := range []struct {
		spec string
		size int64
	}{
		{"private", *cleanSize},
		{"private,path=portable", *cleanSize / 8},
		{"private,mtu=9000", *cleanSize / 8},
		{"private:addr=192.0.2.2/30,delay=1ms", *cleanSize / 8},
		{bad, *lossySize},
	} {
		t.Run(c.spec, func(t *testing.T) {
			n := openPrivate(t, c.spec)
			exchange(t, netapi.Kernel{}, serveSite(t, n, n.Addr.String()+":80"), c.size)
		})
	}
}

// TestClient: an unmodified client on the stack fetches from a server on the kernel.
func TestClient(t *testing.T) {
	for spec, size := range map[string]int64{"private": *cleanSize, bad: *lossySize} {
		t.Run(spec, func(t *testing.T) {
			n := openPrivate(t, spec)
			exchange(t, n, serveSite(t, netapi.Kernel{}, n.Peer.String()+":0"), size)
		})
	}
}

// TestCurl: a client that isn't Go's.
func TestCurl(t *testing.T) {
	n := openPrivate(t, "private")
	curl := netns.RequireProgram(t, "curl")
	url := serveSite(t, n, n.Addr.String()+":80")
	const size = 3 << 20
	out, err := exec.Command(curl, "-sS", "--fail", fmt.Sprintf("%s/download?size=%d", url, size)).Output()
	if err != nil {
		t.Fatal(err)
	}
	want, _ := io.ReadAll(site.Content(size))
	if !bytes.Equal(out, want) {
		t.Errorf("curl got %d octets, and not those that were sent", len(out))
	}
	upload := exec.Command(curl, "-sS", "--fail", "--data-binary", "@-", url+"/upload")
	upload.Stdin = bytes.NewReader(want)
	answer := fmt.Sprintf("%d octets, sha-256 %x\n", size, sha256.Sum256(want))
	if out, err = upload.Output(); err != nil || string(out) != answer {
		t.Errorf("curl's upload: %q, %v", out, err)
	}
}

// TestConnConformance is the Go project's test of a net.Conn, between the stack and the kernel.
func TestConnConformance(t *testing.T) {
	n := openPrivate(t, "private")
	between := func(from, to netapi.Network, addr string) nettest.MakePipe {
		return func() (c1, c2 net.Conn, stop func(), err error) {
			ln, err := to.Listen(t.Context(), "tcp", addr+":0")
			if err != nil {
				return nil, nil, nil, err
			}
			defer ln.Close()
			if c1, err = from.DialContext(t.Context(), "tcp", ln.Addr().String()); err != nil {
				return nil, nil, nil, err
			}
			c2, err = ln.Accept()
			return c1, c2, func() { c1.Close(); c2.Close() }, err
		}
	}
	t.Run("accepted", func(t *testing.T) {
		nettest.TestConn(t, between(netapi.Kernel{}, n, n.Addr.String()))
	})
	t.Run("dialled", func(t *testing.T) {
		nettest.TestConn(t, between(n, netapi.Kernel{}, n.Peer.String()))
	})
}

// TestEnds: how connections end is seen as it is between two kernels.
func TestEnds(t *testing.T) {
	n := openPrivate(t, "private")
	_, err := net.Dial("tcp", n.Addr.String()+":9")
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the kernel dials a closed port of the stack: %v; want ECONNREFUSED", err)
	}
	_, err = n.DialContext(t.Context(), "tcp", n.Peer.String()+":9")
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the stack dials a closed port of the kernel: %v; want ECONNREFUSED", err)
	}
	_, err = n.DialContext(t.Context(), "tcp", "192.0.2.1:80")
	if !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("the stack dials out of a private network: %v; want ENETUNREACH", err)
	}
	ln, err := n.Listen(t.Context(), "tcp", n.Addr.String()+":80")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(s, "before the reset")
	s.(*netapi.TCPConn).SetLinger(0)
	buf := make([]byte, 100)
	if k, err := c.Read(buf); string(buf[:k]) != "before the reset" {
		t.Errorf("%q, %v", buf[:k], err)
	}
	s.Close()
	if _, err := c.Read(buf); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the kernel reads after SetLinger(0) and Close: %v; want ECONNRESET", err)
	}
}

// TestPCAP: the capture is there, holds the connection, and tshark finds nothing wrong in it.
func TestPCAP(t *testing.T) {
	netns.Require(t)
	file := filepath.Join(t.TempDir(), "out.pcapng")
	s := Spec{Kind: Private, PCAP: file}
	n, err := Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, netapi.Kernel{}, serveSite(t, n, n.Addr.String()+":80"), 1<<20)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	tshark := netns.RequireProgram(t, "tshark")
	read := func(filter string) string {
		out, err := exec.Command(tshark, "-n", "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
			"-r", file, "-Y", filter).Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	if syn := read("tcp.flags.syn == 1"); strings.Count(syn, "\n") != 2 {
		t.Errorf("not one SYN and one SYN-ACK:\n%s", syn)
	}
	const wrong = `_ws.malformed || tcp.checksum.status == "Bad" || ip.checksum.status == "Bad" || ` +
		"tcp.analysis.ack_lost_segment"
	if out := read(wrong); out != "" {
		t.Errorf("tshark finds fault with:\n%s", out)
	}
}

// TestGone: the device goes with the network, and another network can be opened then.
func TestGone(t *testing.T) {
	for range 2 {
		n := openPrivate(t, "private")
		var names []string
		ifs, err := net.Interfaces()
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range ifs {
			names = append(names, i.Name)
		}
		if len(names) != 2 {
			t.Errorf("interfaces %v; want lo and the device", names)
		}
		if err := n.Stack.Close(); err != nil {
			t.Fatal(err)
		}
		if ifs, _ = net.Interfaces(); len(ifs) != 1 {
			t.Errorf("after Close there are %d interfaces; want lo alone", len(ifs))
		}
		n.Stack = nil // closed already
	}
}

// TestTUNThatIsThere: a device that an administrator has set up is taken as it is, with its address.
func TestTUNThatIsThere(t *testing.T) {
	netns.Require(t)
	netns.RequireProgram(t, "ip")
	ip := func(args string) {
		t.Helper()
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
	ip("tuntap add dev tun7 mode tun")
	defer ip("tuntap del dev tun7 mode tun")
	ip("addr add 192.0.2.9/29 dev tun7")
	ip("link set tun7 up mtu 1400")
	s, err := Parse("tun:dev=tun7,addr=192.0.2.10/29")
	if err != nil {
		t.Fatal(err)
	}
	n, err := Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if n.Peer.String() != "192.0.2.9" || n.Stack.Interfaces()[1].MTU != 1400 {
		t.Errorf("the kernel is %v, the MTU %d; want 192.0.2.9 and 1400", n.Peer, n.Stack.Interfaces()[1].MTU)
	}
	exchange(t, netapi.Kernel{}, serveSite(t, n, "192.0.2.10:80"), 1<<16)
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if ifi, err := net.InterfaceByName("tun7"); err != nil || ifi.Flags&net.FlagUp == 0 {
		t.Errorf("the administrator's device afterwards: %v, %v; want it up", ifi, err)
	}
}

// TestLoopback: a network in memory, bad links included.
func TestLoopback(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lo.pcapng")
	for _, spec := range []string{"loopback", "loopback,mtu=1500", "loopback,loss=1%,mtu=1500,pcap=" + file} {
		s, err := Parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		n, err := Open(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		exchange(t, n, serveSite(t, n, "127.0.0.1:80"), 1<<19)
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Size() < 1<<19 {
		t.Errorf("the capture: %v, %v", info, err)
	}
}

// TestNotEntered: a private network outside of a namespace is refused, for it would change the caller's.
func TestNotEntered(t *testing.T) {
	t.Setenv("GOTCP_NETNS", "")
	if _, err := Open(t.Context(), Spec{Kind: Private}); err == nil || !strings.Contains(err.Error(), "netspec.Start") {
		t.Errorf("%v; want to be told of netspec.Start", err)
	}
}
