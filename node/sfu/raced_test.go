//go:build race

package sfu

// The race detector makes pools forget, on purpose.
func init() { raced = true }
