package main

import (
	"io"
	"net"
	"sync"

	"github.com/urfave/cli/v2"
)

func serveEchoCommand() *cli.Command {
	return &cli.Command{
		Name:      "echo",
		Usage:     "send back what comes (RFC 862)",
		UsageText: "gotcp serve echo [--port N] [--net NETWORK] [-- COMMAND ...]",
		Description: `   gotcp serve echo -- sh -c 'echo hello | nc -N $(echo $GOTCP_ADDR | tr : " ")'
   gotcp serve echo --net tun:dev=tun0`,
		Flags: serverFlags(7),
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("serve echo: there is nothing to say to it, but you said %q", c.Args().First())
			}
			return serve(c, "", startEcho)
		},
	}
}

// startEcho serves on ln until it is stopped, which ends the connections, too.
func startEcho(ln net.Listener) (stop func() error) {
	var mu sync.Mutex
	conns := map[net.Conn]bool{} // nil once stopped
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			stopped := conns == nil
			if !stopped {
				conns[conn] = true
			}
			mu.Unlock()
			if stopped {
				conn.Close()
				return
			}
			wg.Go(func() {
				io.Copy(conn, conn)
				conn.Close()
				mu.Lock()
				delete(conns, conn)
				mu.Unlock()
			})
		}
	})
	return func() error {
		err := ln.Close()
		mu.Lock()
		for conn := range conns {
			conn.Close()
		}
		conns = nil
		mu.Unlock()
		wg.Wait()
		return err
	}
}
