package plugins

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/gotcp/gotcp/netapi"
)

// source is where the work of a plugin comes from: its host, or the command line.
type source struct {
	network netapi.Network
	conns   <-chan net.Conn // for the handlers; closed when no more come
	events  <-chan Event    // for the observers; closed when no more come
}

// kindNames are the names of what a plugin is, each once.
func kindNames(kinds []Kind) []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.kind())
	}
	return names
}

// check says what is wrong with the kinds that were given.
func check(kinds []Kind) error {
	if len(kinds) == 0 {
		return errors.New("plugins: Serve needs a Service, a Handler or an Observer")
	}
	seen := map[string]bool{}
	for _, k := range kinds {
		if seen[k.kind()] {
			return fmt.Errorf("plugins: there are two of the kind %q: make them one", k.kind())
		}
		seen[k.kind()] = true
	}
	return nil
}

// run has each kind do its work until all are done, or ctx ends, or a service fails.
func run(ctx context.Context, src source, kinds []Kind) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, k := range kinds {
		wg.Go(func() {
			switch k := k.(type) {
			case Service:
				if err := k(ctx, src.network); err != nil && ctx.Err() == nil {
					cancel(fmt.Errorf("the service ended: %w", err))
				}
			case Handler:
				handle(ctx, src.conns, k)
			case Observer:
				observe(ctx, src.events, k)
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// handle calls h for each connection. Once ctx has ended, it waits for the calls that are under way.
func handle(ctx context.Context, conns <-chan net.Conn, h Handler) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		select {
		case c, ok := <-conns:
			if !ok {
				return
			}
			wg.Go(func() {
				defer c.Close()
				h(ctx, c)
			})
		case <-ctx.Done():
			return
		}
	}
}

// observe calls o for each event.
func observe(ctx context.Context, events <-chan Event, o Observer) {
	for {
		select {
		case e, ok := <-events:
			if !ok {
				return
			}
			o(ctx, e)
		case <-ctx.Done():
			return
		}
	}
}

// list is names for people.
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
