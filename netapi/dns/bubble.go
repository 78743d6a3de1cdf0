package dns

import (
	"context"
	"net"
	"testing"
)

// In tests package net's resolver is used once before all else. What it reads of the system's it guards by channels
// that it makes when it is first used: made in one testing/synctest bubble they'd be a fatal error in the next.
func init() {
	if testing.Testing() {
		r := net.Resolver{PreferGo: true}
		r.LookupHost(context.Background(), "a..b") // no name, so that nobody is asked
	}
}
