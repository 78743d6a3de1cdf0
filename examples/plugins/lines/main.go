// Lines is a plugin that handles connections, as inetd's programs do: it never sees a listener. A client sends lines and
// gets each back, reversed; "time" asks for the time, and "quit" ends the connection.
//
//	GOTCP_LISTEN=127.0.0.1:7000 go run ./examples/plugins/lines &
//	nc 127.0.0.1 7000
//
//	go build -o /tmp/lines ./examples/plugins/lines
//	gotcp plugin run --net private --serve :7000 -- /tmp/lines
package main

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/gotcp/gotcp/plugins"
)

func main() { plugins.Serve(plugins.Handler(Handle)) }

// idle is how long a client may say nothing.
const idle = time.Minute

// Handle talks to one client until it leaves, or ctx ends.
func Handle(ctx context.Context, c net.Conn) {
	slog.Info("a client has come", "from", c.RemoteAddr().String())
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Now()) })()
	lines := bufio.NewScanner(c)
	for {
		c.SetReadDeadline(time.Now().Add(idle))
		if ctx.Err() != nil || !lines.Scan() {
			break
		}
		answer := reverse(lines.Text())
		switch lines.Text() {
		case "time":
			answer = time.Now().Format(time.RFC3339)
		case "quit":
			fmt.Fprintln(c, "bye")
			return
		}
		if _, err := fmt.Fprintln(c, answer); err != nil {
			return
		}
	}
	slog.Info("a client has left", "from", c.RemoteAddr().String(), "error", lines.Err())
}

func reverse(s string) string {
	runes := []rune(s)
	slices.Reverse(runes)
	return string(runes)
}
