package plugincfg

import (
	"errors"
	"fmt"
	"os/exec"

	"github.com/gotcp/gotcp/plugins"
)

// Detect finds out of the program what was left open: its kind, and the cookie of a foreign one.
func (p *Plugin) Detect() error {
	path, err := exec.LookPath(p.Command[0])
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return fmt.Errorf("plugin %s: %w", p.Name, err)
	}
	if p.Kind == "" {
		own, err := plugins.MadeHere(path)
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
