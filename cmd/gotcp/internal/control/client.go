package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/plugins"
)

// answerTime is how long a supervisor may take to answer at all.
const answerTime = 5 * time.Second

// maxLine is the longest line that a client reads, in octets.
const maxLine = 1 << 20

// Client talks to one supervisor.
type Client struct {
	path string
	http http.Client
}

// newClient makes a client for the supervisor behind a socket.
func newClient(path string) *Client {
	c := &Client{path: path}
	c.http.Transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: answerTime}).DialContext(ctx, "unix", path)
		},
		DisableKeepAlives: true, DisableCompression: true,
	}
	return c
}

// Find gives clients of the supervisors whose sockets are in dir. It removes the sockets of those that have died.
func Find(dir string) ([]*Client, error) {
	paths, err := sockets(dir)
	if err != nil {
		return nil, err
	}
	var found []*Client
	for _, path := range paths {
		c, err := net.DialTimeout("unix", path, answerTime)
		switch {
		case err == nil:
			c.Close()
			found = append(found, newClient(path))
		case errors.Is(err, syscall.ECONNREFUSED):
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return nil, err
			}
		case errors.Is(err, os.ErrNotExist): // it has just ended
		default:
			return nil, err
		}
	}
	return found, nil
}

// do asks and gives the answer, which the caller closes.
func (c *Client) do(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var r io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://gotcp"+path, r)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		return nil, fmt.Errorf("the supervisor at %s: %w", c.path, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	var f failure
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxLine)).Decode(&f); err != nil || f.Error == "" {
		f.Error = resp.Status
	}
	if resp.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("%w%s", ErrNotFound, strings.TrimPrefix(f.Error, ErrNotFound.Error()))
	}
	return nil, errors.New(f.Error)
}

// ask asks for one value, which the supervisor has to give soon.
func (c *Client) ask(ctx context.Context, method, path string, body, to any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, errors.New("it doesn't answer"))
	defer cancel()
	resp, err := c.do(ctx, method, path, body)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("the supervisor at %s: %w", c.path, context.Cause(ctx))
		}
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(to)
}

func pluginPath(name, what string) string { return "/plugins/" + url.PathEscape(name) + what }

// Plugins lists the supervisor's plugins.
func (c *Client) Plugins(ctx context.Context) (list []Plugin, err error) {
	err = c.ask(ctx, http.MethodGet, "/plugins", nil, &list)
	return list, err
}

// Inspect tells all of a plugin.
func (c *Client) Inspect(ctx context.Context, name string) (*Detail, error) {
	var d Detail
	return &d, c.ask(ctx, http.MethodGet, pluginPath(name, ""), nil, &d)
}

// Change changes a plugin's network, and tells what bounds it then.
func (c *Client) Change(ctx context.Context, name string, change Change) (*Net, error) {
	var n Net
	return &n, c.ask(ctx, http.MethodPatch, pluginPath(name, "/net"), change, &n)
}

// Stop stops a plugin and waits for that.
func (c *Client) Stop(ctx context.Context, name string, kill bool) error {
	path := pluginPath(name, "/stop")
	if kill {
		path += "?kill"
	}
	resp, err := c.do(ctx, http.MethodPost, path, nil)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// Logs gives the lines of a plugin's log to each, those that come, too, where follow says so.
func (c *Client) Logs(ctx context.Context, name string, follow bool, each func(LogLine) error) error {
	path := pluginPath(name, "/logs")
	if follow {
		path += "?follow"
	}
	return stream(ctx, c, path, each)
}

// Events gives events to each until ctx or the supervisor ends. Each connection is told of every sample; 0 is never.
func (c *Client) Events(ctx context.Context, name string, sample time.Duration, each func(plugins.Event) error) error {
	return stream(ctx, c, pluginPath(name, "/events?sample="+sample.String()), each)
}

// stream reads an answer of one value a line.
func stream[T any](ctx context.Context, c *Client, path string, each func(T) error) error {
	resp, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var v T
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			return err
		}
		if err := each(v); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return lines.Err()
}
