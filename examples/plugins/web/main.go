// Web is a plugin that is an HTTP server. Its source says nothing about networks but dialer.Listen: started by hand it
// listens on the kernel's network, launched by gotcp on the network that its host gives it.
//
//	go run ./examples/plugins/web &          # or with GOTCP_LISTEN=127.0.0.1:8000, say
//	curl http://127.0.0.1:8080/
//
//	go build -o /tmp/web ./examples/plugins/web
//	gotcp plugin run --net private --listen 'tcp *:8080' -- /tmp/web
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/plugins"
)

func main() { plugins.Serve(plugins.Service(Run)) }

// Run serves until ctx ends; requests that are under way are finished.
func Run(ctx context.Context, _ netapi.Network) error {
	ln, err := dialer.Listen("tcp", cmp.Or(os.Getenv(plugins.EnvListen), ":8080"))
	if err != nil {
		return err
	}
	slog.Info("serving", "address", ln.Addr().String())
	srv := &http.Server{Handler: Handler()}
	ended := make(chan error, 1)
	defer context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		ended <- srv.Shutdown(grace)
	})()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-ended
}

// Handler greets, gives n octets, counts what it is sent, and fetches a url, which the plugin's rules have to allow.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello, %s\n", r.RemoteAddr)
	})
	mux.HandleFunc("GET /octets", func(w http.ResponseWriter, r *http.Request) {
		var n int64
		fmt.Sscan(r.FormValue("n"), &n)
		io.CopyN(w, zeros{}, n)
	})
	mux.HandleFunc("POST /count", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprintln(w, n, err)
	})
	client := &http.Client{Transport: dialer.HTTPTransport(nil), Timeout: 10 * time.Second}
	mux.HandleFunc("GET /fetch", func(w http.ResponseWriter, r *http.Request) {
		resp, err := client.Get(r.FormValue("url"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		io.Copy(w, resp.Body)
	})
	return mux
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
