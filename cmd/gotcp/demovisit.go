package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"

	"github.com/gotcp/gotcp/examples/httpserver/site"
)

// visitor is the demo's client.
type visitor struct {
	client *http.Client
	url    string
	bars   bars
}

// visit makes the small requests and both transfers, and fills the report in.
func (v *visitor) visit(ctx context.Context, r *report, requests int, size int64) error {
	if err := v.greet(ctx, &r.Requests, requests); err != nil {
		return fmt.Errorf("small requests: %w", err)
	}
	if err := v.download(ctx, &r.Download, size); err != nil {
		return fmt.Errorf("download: %w", err)
	}
	if err := v.upload(ctx, &r.Upload, size); err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	return nil
}

// get makes a request and checks the answer's status.
func (v *visitor) do(ctx context.Context, method, path string, body io.Reader, size int64) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, v.url+path, body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = size
	resp, err := v.client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("the server says %s", resp.Status)
	}
	return resp, nil
}

func (v *visitor) greet(ctx context.Context, r *requestsReport, n int) error {
	start := time.Now()
	for range n {
		resp, err := v.do(ctx, http.MethodGet, "/", nil, 0)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return err
		}
		if !strings.HasPrefix(string(body), "Hello ") {
			return fmt.Errorf("the answer was %q", body)
		}
		r.Count++
		r.Bytes += int64(len(body))
	}
	r.Duration = time.Since(start)
	return nil
}

func (v *visitor) download(ctx context.Context, r *transferReport, size int64) error {
	start := time.Now()
	resp, err := v.do(ctx, http.MethodGet, "/download?size="+strconv.FormatInt(size, 10), nil, 0)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	sum := sha256.New()
	bar := v.bars(size, "download")
	r.Bytes, err = io.Copy(io.MultiWriter(sum, bar), resp.Body)
	bar.Finish()
	r.Duration = time.Since(start)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	case r.Bytes != size:
		return fmt.Errorf("%d octets came, of %d", r.Bytes, size)
	}
	return r.check(sum, resp.Trailer.Get("Content-Digest"))
}

func (v *visitor) upload(ctx context.Context, r *transferReport, size int64) error {
	sum := sha256.New()
	bar := v.bars(size, "upload  ")
	start := time.Now()
	var body io.Reader = http.NoBody
	if size > 0 {
		body = io.TeeReader(site.Content(size), io.MultiWriter(sum, bar))
	}
	resp, err := v.do(ctx, http.MethodPost, "/upload", body, size)
	bar.Finish()
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	r.Bytes, r.Duration = size, time.Since(start)
	return r.check(sum, resp.Header.Get("Content-Digest"))
}

// check compares the hash of one end with what the other end says.
func (r *transferReport) check(sum hash.Hash, digest string) error {
	mine := sum.Sum(nil)
	if theirs := digest; theirs != site.Digest(mine) {
		return fmt.Errorf("the hashes differ: %s here, %s at the server", site.Digest(mine), theirs)
	}
	r.SHA256 = hex.EncodeToString(mine)
	return nil
}

// bars makes progress bars.
type bars func(size int64, what string) *progressbar.ProgressBar

// newBars shows progress where somebody is looking.
func newBars(c *cli.Context) bars {
	visible := isTerminal(c.App.ErrWriter) && !c.Bool("json")
	return func(size int64, what string) *progressbar.ProgressBar {
		return progressbar.NewOptions64(max(size, 1),
			progressbar.OptionSetWriter(c.App.ErrWriter),
			progressbar.OptionSetVisibility(visible),
			progressbar.OptionSetDescription(what),
			progressbar.OptionShowBytes(true),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(),
		)
	}
}
