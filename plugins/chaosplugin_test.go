package plugins

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
)

func init() {
	testPlugins["chaos"] = []Kind{Service(chaosService)}
	testPlugins["chaoshandler"] = []Kind{Handler(func(_ context.Context, c net.Conn) { obey(c) })}
}

// chaosService does as its clients say, and has a child.
func chaosService(ctx context.Context, n netapi.Network) error {
	ln, err := n.Listen(ctx, "tcp", ":7")
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { ln.Close() })()
	child := exec.Command("/bin/sleep", "1000")
	child.Stdout, child.Stderr = os.Stdout, os.Stderr // which its host must not wait for
	if err := child.Start(); err != nil {
		return err
	}
	for {
		c, err := ln.Accept()
		if err != nil {
			return nil
		}
		go obey(c)
	}
}

// obey does what a client asks for on the first line: "echo", or "dial ADDRESS" again and again, each told of.
func obey(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	line, err := r.ReadString('\n')
	if err != nil {
		return
	}
	command, address, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch command {
	case "echo":
		io.Copy(c, r)
	case "dial":
		for {
			to, err := dialer.Dial("tcp", address)
			if err != nil {
				fmt.Fprintln(c, err)
				return
			}
			fmt.Fprintln(to, "hello")
			to.Close()
			if _, err := fmt.Fprintln(c, "dialled"); err != nil {
				return
			}
		}
	}
}
