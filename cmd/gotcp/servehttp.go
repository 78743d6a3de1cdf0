package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/urfave/cli/v2"
)

func serveHTTPCommand() *cli.Command {
	return &cli.Command{
		Name:      "http",
		Usage:     "serve the files of a directory",
		UsageText: "gotcp serve http [DIR] [--port N] [--net NETWORK] [-- COMMAND ...]",
		Description: `DIR is the current directory where none is given. It is an unmodified net/http server.

   gotcp serve http . -- curl -s http://10.77.0.2/go.mod
   gotcp serve http /usr/share/doc --net private,loss=1%,delay=20ms -- wget -qO- http://10.77.0.2/
   gotcp serve http --net kernel --port 8080`,
		Flags: serverFlags(80),
		Action: func(c *cli.Context) error {
			dir := "."
			switch {
			case c.NArg() > 1:
				return usagef("serve http: one directory only, but you gave %d: put a command behind --", c.NArg())
			case c.NArg() == 1:
				dir = c.Args().First()
			}
			if info, err := os.Stat(dir); err != nil {
				return usagef("serve http: %w", err)
			} else if !info.IsDir() {
				return usagef("serve http: %s is no directory", dir)
			}
			return serve(c, "http://", func(ln net.Listener) func() error {
				return startHTTP(ln, http.FileServer(http.Dir(dir)), nil)
			})
		},
	}
}

// startHTTP serves on ln until it is stopped: requests under way are then given a moment to end. watch sees
// connections come and go.
func startHTTP(ln net.Listener, h http.Handler, watch func(net.Conn, http.ConnState)) (stop func() error) {
	srv := &http.Server{Handler: h, ConnState: watch}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if srv.Shutdown(ctx) != nil {
			srv.Close()
		}
		if err := <-served; err != http.ErrServerClosed {
			return fmt.Errorf("the server ended: %w", err)
		}
		return nil
	}
}
