package main

import (
	"time"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/size"
)

// parseSize reads a number of octets such as 256MiB.
func parseSize(s string) (int64, error) { return size.Parse(s) }

// formatSize is a number of octets for people.
func formatSize(n int64) string { return size.Format(n) }

// formatRate is n octets in d, in the units of networks.
func formatRate(n int64, d time.Duration) string { return size.Rate(n, d) }
