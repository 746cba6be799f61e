// Package parity protects the packets of the mesh by Reed-Solomon, under QUIC.
package parity
