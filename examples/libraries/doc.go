// Package libraries has nothing but tests: well-known libraries, as they are published, do real work over gotcp. The same
// tests run over the kernel's network, so what a test wants is what package net gives:
//
//	go test                  # two stacks back to back (the default, -net pipe)
//	go test -net loopback    # one stack that talks to itself
//	go test -net kernel      # no gotcp at all
//
// It is a module of its own, so that none of the libraries is a dependency of gotcp.
package libraries
