// Httpget fetches a URL with net/http's client, over a stack of gotcp or over the kernel: the flag -net decides.
//
//	$ go run ./examples/httpget -net kernel http://127.0.0.1:8080/
//	$ go run ./examples/httpget -net private http://10.77.0.1:8080/ python3 -m http.server 8080
//
// What follows the URL is a command, which is run at the kernel's end and may be the server: it is given two seconds to
// come up, and is killed in the end.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/dialer/netspec"
	"github.com/gotcp/gotcp/netapi"
)

func main() {
	network := flag.String("net", "private", netspec.Usage)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if flag.NArg() == 0 {
		log.Fatal("a URL is wanted, such as http://10.77.0.1:8080/")
	}
	n, err := netspec.Start(ctx, *network)
	if err != nil {
		log.Fatal(err)
	}
	err = run(ctx, n, flag.Arg(0), flag.Args()[1:], os.Stdout)
	if err = errors.Join(err, n.Close()); err != nil {
		log.Fatal(err)
	}
}

// run copies what a URL gives to out.
func run(ctx context.Context, n netapi.Network, url string, command []string, out io.Writer) error {
	if len(command) > 0 {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Start(); err != nil {
			return err
		}
		defer func() { cmd.Process.Kill(); cmd.Wait() }()
	}
	client := &http.Client{Transport: dialer.HTTPTransport(n)}
	defer client.CloseIdleConnections()
	resp, err := get(ctx, client, url, len(command) > 0)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	_, err = io.Copy(out, resp.Body)
	return err
}

// get fetches, and tries again for two seconds where the server is only just being started.
func get(ctx context.Context, client *http.Client, url string, patient bool) (*http.Response, error) {
	for end := time.Now().Add(2 * time.Second); ; {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil, err
		}
		resp, err := client.Do(req)
		if err == nil || !patient || !errors.Is(err, syscall.ECONNREFUSED) || time.Now().After(end) {
			return resp, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
