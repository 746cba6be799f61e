package cluster

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
)

const (
	// sealedStream is memberlist's encryptMsg: a sealed message on a stream is
	//
	//	10 | length of what follows, 4 | 1 | nonce 12 | sealed, tag 16
	//
	// with the first five bytes authenticated too.
	sealedStream = 10
	streamHead   = 1 + 4
	// maxStream bounds a message on a stream: a state (maxState) and what memberlist
	// says of a few thousand members.
	maxStream = maxState + 4<<20
)

var errStream = errors.New("cluster: what came on a gossip stream is not a sealed message")

// sealedConn seals each Write as one message, and opens what comes. memberlist
// writes a message at a time and reads one message after the other. One goroutine
// reads, one writes.
type sealedConn struct {
	net.Conn
	keys *keyring
	rest bytes.Reader // of the message that is being read
	// opened hears whether the first key did it.
	opened func(first bool)
}

func (c *sealedConn) Write(b []byte) (int, error) {
	size := sealHead + len(b) + sealTail
	if size > maxStream {
		return 0, errStream
	}
	out := make([]byte, streamHead, streamHead+size)
	out[0] = sealedStream
	binary.BigEndian.PutUint32(out[1:], uint32(size))
	out = c.keys.seal(out, b, out[:streamHead:streamHead])
	if _, err := c.Conn.Write(out); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (c *sealedConn) Read(b []byte) (int, error) {
	for c.rest.Len() == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	return c.rest.Read(b)
}

// next reads one message. Memory grows with what arrives, not with what the
// length promises.
func (c *sealedConn) next() error {
	var head [streamHead]byte
	if _, err := io.ReadFull(c.Conn, head[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head[1:])
	if head[0] != sealedStream || size > maxStream {
		return errStream
	}
	var body bytes.Buffer
	if _, err := io.CopyN(&body, c.Conn, int64(size)); errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	} else if err != nil {
		return err
	}
	plain, first, err := c.keys.open(body.Bytes(), head[:])
	if err != nil {
		return err
	}
	c.opened(first)
	c.rest.Reset(plain)
	return nil
}
