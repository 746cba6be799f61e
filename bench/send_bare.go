package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stentor/node/sfu/send"
	"stentor/relay"
)

// bareServer copies, seals and sends, and does nothing else.
type bareServer struct {
	socket  *send.Socket
	dests   []*send.Dest
	streams []*send.Stream
	run     [][]byte
	count   *prometheus.Registry
}

func (s *bareServer) counted() prometheus.Gatherer { return s.count }

func openBare(context.Context) (server, error) {
	conn, err := mediaSocket()
	if err != nil {
		return nil, err
	}
	s := &bareServer{count: prometheus.NewRegistry()}
	s.socket, err = send.NewSocket(send.Config{Conn: conn, Registerer: s.count})
	return s, err
}

func (s *bareServer) view(context.Context, string) (string, error) {
	return "", errors.New("not by WebRTC")
}

func (s *bareServer) give(to netip.AddrPort) error {
	session, err := send.NewSession(send.Keys{Key: make([]byte, 16), Salt: make([]byte, 12)})
	if err != nil {
		return err
	}
	d, err := s.socket.Dest(to)
	if err != nil {
		return err
	}
	stream, err := session.Stream(0)
	if err != nil {
		return err
	}
	s.dests, s.streams = append(s.dests, d), append(s.streams, stream)
	return nil
}

func (s *bareServer) begin(uint32) {}
func (s *bareServer) end()         { s.flush() }

func (s *bareServer) packet(b []byte, _ time.Time) {
	binary.BigEndian.PutUint32(b[8:], 0)
	s.run = append(s.run, slices.Clone(b))
	if len(s.run) == relay.WakePackets { // as the forward does
		s.flush()
	}
}

func (s *bareServer) flush() {
	for i, d := range s.dests {
		b := s.socket.Batch()
		for _, p := range s.run {
			sealed, err := s.streams[i].Seal(append(b.Next(), p...))
			if err != nil || b.Add(sealed) != nil {
				fmt.Fprintln(os.Stderr, "send-seat: seal:", err)
			}
		}
		if err := s.socket.Send(b, d); err != nil {
			fmt.Fprintln(os.Stderr, "send-seat:", err)
		}
		s.socket.Return(b)
	}
	s.run = s.run[:0]
}
