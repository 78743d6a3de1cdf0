// Httpserver is an unmodified net/http server, on a stack of gotcp or on the kernel: the flag -net decides.
//
//	$ go run ./examples/httpserver -net private curl -s http://10.77.0.2/
//	$ go run ./examples/httpserver -net kernel -addr 127.0.0.1:8080
//
// The first line runs the server on the stack, and curl at the kernel's end of a TUN device in a namespace of their
// own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"

	"github.com/gotcp/gotcp/dialer/netspec"
	"github.com/gotcp/gotcp/examples/httpserver/site"
	"github.com/gotcp/gotcp/netapi"
)

func main() {
	network := flag.String("net", "private", netspec.Usage)
	addr := flag.String("addr", ":80", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	n, err := netspec.Start(ctx, *network)
	if err != nil {
		log.Fatal(err)
	}
	err = run(ctx, n, *addr, flag.Args(), os.Stdout)
	if err = errors.Join(err, n.Close()); err != nil {
		log.Fatal(err)
	}
}

// run serves the site until ctx ends or, where there is one, a command does.
func run(ctx context.Context, n netapi.Network, addr string, command []string, out io.Writer) error {
	ln, err := n.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "listening on %v\n", ln.Addr())
	return serve(ctx, ln, command, out)
}

func serve(ctx context.Context, ln net.Listener, command []string, out io.Writer) error {
	srv := &http.Server{Handler: site.Handler()}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	var err error
	if len(command) > 0 {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, out, os.Stderr
		err = cmd.Run()
	} else {
		<-ctx.Done()
	}
	if serr := srv.Shutdown(context.Background()); serr != nil {
		err = errors.Join(err, serr)
	}
	if serr := <-served; serr != http.ErrServerClosed {
		err = errors.Join(err, serr)
	}
	return err
}
