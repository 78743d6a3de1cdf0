package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/time/rate"

	"github.com/gotcp/gotcp/plugins"
)

// Bounds of what is asked.
const (
	maxClients = 64
	maxHeader  = 16 << 10
	maxBody    = 256 << 10
	readTime   = 10 * time.Second
	writeTime  = 10 * time.Second // for an answer, or a line of one that goes on
	idleTime   = time.Minute
)

// Server serves one supervisor's plugins.
type Server struct {
	host   Host
	http   *http.Server
	path   string // of the socket
	ctx    context.Context
	cancel context.CancelFunc
	served chan struct{}
}

// Serve begins to serve on a socket in dir. A program that this process has started is not served: a plugin doesn't say
// what it may do. What happens is logged.
func Serve(dir string, h Host, log *slog.Logger) (*Server, error) {
	ln, path, err := listen(dir)
	if err != nil {
		return nil, fmt.Errorf("the socket for gotcp plugin list, inspect and so on: %w", err)
	}
	return serve(strangers{ln, log, &rate.Sometimes{First: 1, Interval: time.Minute}}, path, h, log), nil
}

// serve begins to serve whoever the listener accepts. path is that of its socket.
func serve(ln net.Listener, path string, h Host, log *slog.Logger) *Server {
	s := &Server{host: h, path: path, served: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler: s.routes(), ReadTimeout: readTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(s.served)
		err := s.http.Serve(netutil.LimitListener(ln, maxClients))
		if !errors.Is(err, http.ErrServerClosed) {
			log.Error("gotcp plugin list, inspect and so on don't work any more", "error", err)
		}
	}()
	return s
}

// Close ends the server, and answers that go on, and removes the socket. Answers that are being made are waited for.
func (s *Server) Close() error {
	s.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), writeTime)
	defer cancel()
	err := errors.Join(os.Remove(s.path), s.http.Shutdown(ctx), s.http.Close())
	<-s.served
	return err
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /plugins", func(w http.ResponseWriter, r *http.Request) { answer(w, s.host.Plugins(), nil) })
	mux.HandleFunc("GET /plugins/{name}", func(w http.ResponseWriter, r *http.Request) {
		d, err := s.host.Inspect(r.Context(), r.PathValue("name"))
		answer(w, d, err)
	})
	mux.HandleFunc("GET /plugins/{name}/logs", s.logs)
	mux.HandleFunc("GET /plugins/{name}/events", s.events)
	mux.HandleFunc("POST /plugins/{name}/stop", s.stop)
	mux.HandleFunc("PATCH /plugins/{name}/net", s.change)
	return mux
}

// answer writes a value, or an error.
func answer(w http.ResponseWriter, v any, err error) {
	status := http.StatusOK
	var m mistake
	switch {
	case err == nil:
	case errors.Is(err, ErrNotFound):
		status = http.StatusNotFound
	case errors.As(err, &m):
		status = http.StatusBadRequest
	default:
		status = http.StatusInternalServerError
	}
	if err != nil {
		v = failure{err.Error()}
	}
	text, err := line(v)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer can't be written"}`)
	}
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTime))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(text)
}

// unhurried lets a handler take its time: the time for reading the request would end its context.
func unhurried(w http.ResponseWriter) *http.ResponseController {
	ctl := http.NewResponseController(w)
	ctl.SetReadDeadline(time.Time{})
	return ctl
}

// stop stops a plugin, which goes on where the client doesn't wait for it.
func (s *Server) stop(w http.ResponseWriter, r *http.Request) {
	unhurried(w)
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	if r.URL.Query().Has("kill") {
		cancel()
	}
	answer(w, struct{}{}, s.host.Stop(ctx, r.PathValue("name")))
}

func (s *Server) change(w http.ResponseWriter, r *http.Request) {
	var c Change
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		answer(w, nil, mistakef("the change can't be read: %w", err))
		return
	}
	n, err := s.host.Change(r.PathValue("name"), c)
	answer(w, n, err)
}

// lines writes values, one a line, until there are none, the client has left, or the server ends.
type lines struct {
	w   http.ResponseWriter
	ctl *http.ResponseController
}

func newLines(w http.ResponseWriter) *lines {
	w.Header().Set("Content-Type", "application/x-ndjson")
	return &lines{w, unhurried(w)}
}

// write writes values. The error says that nobody reads.
func (l *lines) write(values ...any) error {
	if err := l.ctl.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	for _, v := range values {
		text, err := line(v)
		if err != nil {
			return err
		}
		if _, err := l.w.Write(text); err != nil {
			return err
		}
	}
	return l.ctl.Flush()
}

func (s *Server) logs(w http.ResponseWriter, r *http.Request) {
	log, err := s.host.Logs(r.PathValue("name"))
	if err != nil {
		answer(w, nil, err)
		return
	}
	defer log.Stop()
	to := newLines(w)
	var kept []any
	for _, rec := range log.Kept {
		kept = append(kept, LogLine(rec))
	}
	if to.write(kept...) != nil || !r.URL.Query().Has("follow") {
		return
	}
	for {
		select {
		case rec := <-log.More:
			if to.write(LogLine(rec)) != nil {
				return
			}
		case <-log.Done:
			if len(log.More) == 0 { // else what has come is written first
				return
			}
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			return
		}
	}
}

// events tells of events. The query's sample says how often of each connection, as a duration.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	o := plugins.EventOptions{PerSecond: 5000, Buffer: 1024} // of all plugins, of which one is told
	if text := r.URL.Query().Get("sample"); text != "" {
		var err error
		if o.Sample, err = time.ParseDuration(text); err != nil || o.Sample < 0 {
			answer(w, nil, mistakef("sample=%s: write a duration such as 1s", strconv.Quote(text)))
			return
		}
	}
	events, cancel, err := s.host.Events(r.PathValue("name"), o)
	if err != nil {
		answer(w, nil, err)
		return
	}
	defer cancel()
	to := newLines(w)
	if to.write() != nil { // so that the client knows that it will be told
		return
	}
	for {
		select {
		case e, ok := <-events:
			if !ok || to.write(e) != nil {
				return
			}
		case <-r.Context().Done():
			return
		case <-s.ctx.Done():
			return
		}
	}
}
