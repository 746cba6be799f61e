package store

import (
	"encoding/binary"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// A watch stream is messages, each with its length before it:
//
//	length u32 | protobuf
//
// in big endian. The edge sends one WatchRequest, which names the version; the voter
// sends WatchMessages: pieces of a snapshot if the edge needs one, then changes as they
// come, and a Heartbeat each second. Whoever cannot read a message ends the stream.
const (
	watchVersion = 1
	maxHello     = 1 << 20 // a list of webinars
	maxMessage   = 8 << 20 // a change that is larger goes as a snapshot, in pieces
)

func writeMessage(w io.Writer, m proto.Message) error {
	b, err := frame(nil, m)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// frame returns m with its length before it. It overwrites b, and needs no memory if there
// is enough of that.
func frame(b []byte, m proto.Message) ([]byte, error) {
	b, err := proto.MarshalOptions{}.MarshalAppend(append(b[:0], 0, 0, 0, 0), m)
	if err != nil {
		return nil, fmt.Errorf("store: encode message: %w", err)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b, nil
}

// The fields of WatchMessage and WatchChanges that changes are in.
const (
	changesField = 2
	changeField  = 1
)

// appendChange appends an encoded Change to an encoded WatchChanges.
func appendChange(b, change []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, changeField, protowire.BytesType), change)
}

// frameChanges is frame for an encoded WatchChanges.
func frameChanges(changes []byte) []byte {
	b := make([]byte, 4, 4+1+binary.MaxVarintLen32+len(changes))
	b = protowire.AppendBytes(protowire.AppendTag(b, changesField, protowire.BytesType), changes)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

func readMessage(r io.Reader, m proto.Message, limit uint32) error {
	return (&messages{r: r}).next(m, limit)
}

// keepBuffer is the largest buffer that a stream keeps for the next message, at either end:
// enough for changes as they come. A snapshot comes in larger pieces, and then no more.
const keepBuffer = 16 << 10

// messages are those that come by one stream.
type messages struct {
	r      io.Reader
	buffer []byte
}

// next reads one into m, which keeps none of the bytes that were read.
func (s *messages) next(m proto.Message, limit uint32) error {
	var length [4]byte
	if _, err := io.ReadFull(s.r, length[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > limit {
		return fmt.Errorf("store: a message of %d bytes", n)
	}
	b := s.buffer
	if uint32(cap(b)) < n {
		b = make([]byte, n)
	}
	if b = b[:n]; n <= keepBuffer {
		s.buffer = b
	}
	if _, err := io.ReadFull(s.r, b); err != nil {
		return err
	}
	if err := proto.Unmarshal(b, m); err != nil {
		return fmt.Errorf("store: decode message: %w", err)
	}
	return nil
}
