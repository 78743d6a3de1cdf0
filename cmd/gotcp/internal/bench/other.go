//go:build !linux

package bench

import "errors"

func setCongestion(int, string) error { return errors.ErrUnsupported }

// PickCongestion is for Linux.
func PickCongestion(string) (name string, refused error) { return "", errors.ErrUnsupported }

// Veth is for Linux.
type Veth struct{}

// NewVeth is for Linux.
func NewVeth(int) (*Veth, error) { return nil, errors.ErrUnsupported }

// Close does nothing.
func (*Veth) Close() error { return nil }

// Side is never called.
func (*Veth) Side(Kernel) Side { return Side{} }
