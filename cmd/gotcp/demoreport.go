package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/gotcp/gotcp/netapi"
)

// report is what happened.
type report struct {
	Network  string         `json:"network"`
	Requests requestsReport `json:"requests"`
	Download transferReport `json:"download"`
	Upload   transferReport `json:"upload"`
	Server   endReport      `json:"server"`
	Client   endReport      `json:"client"`
}

type requestsReport struct {
	Count    int           `json:"count"`
	Bytes    int64         `json:"bytes"`
	Duration time.Duration `json:"nanoseconds"`
}

type transferReport struct {
	Bytes    int64         `json:"bytes"`
	Duration time.Duration `json:"nanoseconds"`
	SHA256   string        `json:"sha256"` // the same at both ends
}

// endReport is about the connections of one end.
type endReport struct {
	TCP           string        `json:"tcp"` // whose
	Address       string        `json:"address"`
	Connections   int           `json:"connections"`
	RTT           time.Duration `json:"rttNanoseconds"` // of the last connection that measured it
	Retransmitted uint64        `json:"retransmittedSegments"`
}

func (r *report) writeJSON(w io.Writer) error {
	type rated struct {
		transferReport
		Rate float64 `json:"bitsPerSecond"`
	}
	rate := func(t transferReport) rated {
		return rated{t, float64(t.Bytes) * 8 / max(t.Duration.Seconds(), 1e-9)}
	}
	return printJSON(w, struct {
		report
		Download rated `json:"download"` // hides report's
		Upload   rated `json:"upload"`
	}{*r, rate(r.Download), rate(r.Upload)})
}

func (r *report) writeTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintf(t, "%s\n\n", r.Network)
	fmt.Fprintf(t, "what\tfrom\tbytes\ttime\trate\t\n")
	q := r.Requests
	fmt.Fprintf(t, "%d requests\t%s\t%s\t%s\t%s\t\n", q.Count, r.Server.TCP, formatSize(q.Bytes),
		formatTime(q.Duration), perRequest(q))
	for _, x := range []struct {
		what, from string
		t          transferReport
	}{{"download", r.Server.TCP, r.Download}, {"upload", r.Client.TCP, r.Upload}} {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\tsha-256 equal: %.8s...\n", x.what, x.from, formatSize(x.t.Bytes),
			formatTime(x.t.Duration), formatRate(x.t.Bytes, x.t.Duration), x.t.SHA256)
	}
	fmt.Fprintf(t, "\nend\tTCP\taddress\tconnections\tRTT\tretransmitted\n")
	for _, x := range []struct {
		end string
		e   endReport
	}{{"server", r.Server}, {"client", r.Client}} {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%d segments\n", x.end, x.e.TCP, x.e.Address, x.e.Connections,
			formatTime(x.e.RTT), x.e.Retransmitted)
	}
	return t.Flush()
}

func perRequest(q requestsReport) string {
	if q.Count == 0 {
		return ""
	}
	return formatTime(q.Duration/time.Duration(q.Count)) + " each"
}

// formatTime is a duration with three digits.
func formatTime(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.1f ms", ms(d))
	}
	return fmt.Sprintf("%d us", d.Microseconds())
}

// connLog keeps the connections of one end, of which it is asked in the end how they fared.
type connLog struct {
	mu    sync.Mutex
	conns []net.Conn
}

func (l *connLog) add(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, c)
}

// end reports on the connections so far; addr is nil for the local address of the last of them.
func (l *connLog) end(tcp string, addr net.Addr) endReport {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := endReport{TCP: tcp, Connections: len(l.conns)}
	for _, c := range l.conns {
		if addr == nil || len(l.conns) == 0 {
			e.Address = c.LocalAddr().String()
		}
		rtt, retransmitted := fared(c)
		if rtt != 0 {
			e.RTT = rtt
		}
		e.Retransmitted += retransmitted
	}
	if addr != nil {
		e.Address = addr.String()
	}
	return e
}

// fared asks a connection, ours or the kernel's, for its round-trip time and the segments it sent again.
func fared(c net.Conn) (rtt time.Duration, retransmitted uint64) {
	switch c := c.(type) {
	case *netapi.TCPConn:
		info := c.Info()
		return time.Duration(info.RTT) * time.Microsecond, uint64(info.TotalRetrans)
	case syscall.Conn:
		raw, err := c.SyscallConn()
		if err != nil {
			return 0, 0
		}
		raw.Control(func(fd uintptr) {
			if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
				rtt = time.Duration(info.Rtt) * time.Microsecond
				retransmitted = uint64(info.Total_retrans)
			}
		})
	}
	return rtt, retransmitted
}

// printCounters prints what the stacks counted.
func (st *stage) printCounters(w io.Writer) {
	if st.server.stack != nil {
		fmt.Fprintf(w, "server's stack:\n%v", st.server.stack.Counters())
	}
	if st.client.stack != nil && st.client.stack != st.server.stack {
		fmt.Fprintf(w, "client's stack:\n%v", st.client.stack.Counters())
	}
}

// kernelName is the operating system's name and release, such as Linux 6.18.1.
func kernelName() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "kernel"
	}
	release, _, _ := strings.Cut(unix.ByteSliceToString(u.Release[:]), "-")
	return unix.ByteSliceToString(u.Sysname[:]) + " " + release
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
