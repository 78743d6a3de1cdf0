package plugincfg

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/gotcp/gotcp/plugins"
)

// ownMark is a text that a program has which is made with package plugins: the name of an environment variable that it
// looks for.
const ownMark = "GOTCP_PLUGIN_FD"

// Detect finds out of the program what was left open: its kind, and the cookie of a foreign one.
func (p *Plugin) Detect() error {
	path, err := exec.LookPath(p.Command[0])
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return fmt.Errorf("plugin %s: %w", p.Name, err)
	}
	if p.Kind == "" {
		own, err := contains(path, ownMark)
		if err != nil {
			return fmt.Errorf("plugin %s: %w", p.Name, err)
		}
		p.Kind = Foreign
		if own && p.Cookie.Key == "" {
			p.Kind = Own
		}
	}
	if p.Kind == Foreign && p.Cookie.Key == "" {
		p.Cookie, err = plugins.FindCookie(path)
		if errors.Is(err, plugins.ErrNoCookie) {
			return fmt.Errorf("plugin %s: %w (in a file: cookie: KEY=VALUE). Is it made with gotcp, but started by a script? "+
				"Then say --kind gotcp (kind: gotcp)", p.Name, err)
		} else if err != nil {
			return fmt.Errorf("plugin %s: %w", p.Name, err)
		}
	}
	if err := p.check(); err != nil {
		return fmt.Errorf("plugin %s: %w", p.Name, err)
	}
	return nil
}

// contains reports whether a file has a text in it.
func contains(path, text string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	buf := make([]byte, 1<<20)
	kept := 0 // of the block before, in which the text may begin
	for {
		n, err := io.ReadFull(f, buf[kept:])
		if bytes.Contains(buf[:kept+n], []byte(text)) {
			return true, nil
		}
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return false, nil
		default:
			return false, fmt.Errorf("read %s: %w", path, err)
		}
		kept = copy(buf, buf[len(buf)-len(text):])
	}
}
