package window

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"runtime/debug"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/qlog"
	"github.com/quic-go/quic-go/qlogwriter"
)

const (
	module = "github.com/quic-go/quic-go"
	// Version is the version of quic-go whose memory this package knows. Another one may be laid out alike and mean
	// something else, so it is refused until somebody has looked.
	Version = "v0.65.0"
	// checkTime is how long the connection with itself may take: three milliseconds on an idle machine.
	checkTime = 5 * time.Second
	// trialWindow is a window that quic-go's own arithmetic never comes to. It is full most of the time, so that stock
	// control would widen it.
	trialWindow = 12347
	// trialData is what is sent in the trial: more than fifty packets.
	trialData = 64 << 10
	// trialLoss is the packet that is lost in the trial, after the handshake: stock control would halve the window.
	trialLoss = 30
)

// check makes a connection with itself, in memory, and returns the layout of quic-go if its window can be owned there.
func check() (*layout, error) {
	if err := version(); err != nil {
		return nil, fmt.Errorf("window: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), checkTime)
	defer cancel()
	conn, err := exchange(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("window: %w", err)
	}
	found, err := inspect(conn)
	if err != nil {
		return nil, fmt.Errorf("window: %w", err)
	}
	t := &trial{layout: found}
	if _, err := exchange(ctx, t); err != nil {
		return nil, fmt.Errorf("window: %w", err)
	}
	if err := t.verdict(); err != nil {
		return nil, fmt.Errorf("window: %w", err)
	}
	return found, nil
}

// version compares quic-go's version with the one that is known. A binary without a list of its modules passes: the layout
// decides.
func version() error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	for _, m := range info.Deps {
		if m.Path == module && (m.Version != Version || m.Replace != nil) {
			return fmt.Errorf("quic-go is %s", m.Version)
		}
	}
	return nil
}

// exchange sends data from one end of a connection to the other, and returns the sender's end, closed, so that none of
// its goroutines runs any more.
func exchange(ctx context.Context, t *trial) (*quic.Conn, error) {
	cert, err := certificate()
	if err != nil {
		return nil, err
	}
	conf := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"trial"}, InsecureSkipVerify: true}
	near, far := pipe()
	if t != nil {
		near.lose = trialLoss
	}
	a, b := &quic.Transport{Conn: near}, &quic.Transport{Conn: far}
	defer near.Close()
	defer far.Close()
	defer a.Close()
	defer b.Close()
	settings := &quic.Config{DisablePathMTUDiscovery: true}
	if t != nil {
		settings.Tracer = func(context.Context, bool, quic.ConnectionID) qlogwriter.Trace { return t }
	}
	listener, err := b.Listen(conf, &quic.Config{DisablePathMTUDiscovery: true})
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	conn, err := a.Dial(ctx, far.LocalAddr(), conf, settings)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.CloseWithError(0, "") })
	defer stop()
	if err := transfer(ctx, listener, conn, t); err != nil {
		return nil, err
	}
	err = conn.CloseWithError(0, "")
	return conn, err
}

// transfer sends data over conn and waits until the other end has it.
func transfer(ctx context.Context, listener *quic.Listener, conn *quic.Conn, t *trial) error {
	other, err := listener.Accept(ctx)
	if err != nil {
		return err
	}
	if t != nil {
		s, err := t.layout.sender(conn)
		if err != nil {
			return err
		}
		t.own(s)
	}
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		_, _ = stream.Write(make([]byte, trialData))
		_ = stream.Close()
	})
	incoming, err := other.AcceptStream(ctx)
	if err != nil {
		_ = conn.CloseWithError(0, "") // ends the writer
		return err
	}
	if n, err := io.Copy(io.Discard, incoming); err != nil || n != trialData {
		_ = conn.CloseWithError(0, "")
		return errors.Join(err, fmt.Errorf("%d bytes of the trial arrived", n))
	}
	if err := incoming.Close(); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, stream) // ends after all that was acknowledged meanwhile
	return err
}

// A trial writes one window and watches whether quic-go keeps to it.
type trial struct {
	layout *layout

	mu     sync.Mutex // guards the following
	sender *sender
	wrote  bool
	kept   int // how often quic-go said that the window is what was written
	lost   int
	broke  error
}

func (t *trial) AddProducer() qlogwriter.Recorder { return t }
func (t *trial) Close() error                     { return nil }

func (t *trial) own(s *sender) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sender = s
}

// RecordEvent writes the window once, and compares afterwards.
func (t *trial) RecordEvent(e qlogwriter.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := e.(qlog.PacketLost); ok && t.wrote {
		t.lost++
	}
	m, ok := e.(qlog.MetricsUpdated)
	switch {
	case !ok:
	case t.sender == nil || t.broke != nil:
	case !t.sender.freeze():
		t.broke = errOther
	case !t.wrote:
		t.sender.apply(trialWindow, 1e9)
		t.wrote = true
	case m.CongestionWindow != trialWindow:
		t.broke = fmt.Errorf("quic-go's window is %d after %d was written", m.CongestionWindow, trialWindow)
	case t.sender.reading(0).inFlight != m.BytesInFlight:
		t.broke = fmt.Errorf("quic-go has %d bytes in flight, not %d", m.BytesInFlight, t.sender.reading(0).inFlight)
	default:
		t.kept++
	}
}

// verdict is nil when quic-go kept to the window all the time.
func (t *trial) verdict() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broke == nil && (t.kept < trialData/quicPacket/2 || t.lost == 0) {
		return fmt.Errorf("quic-go told of %d packets and %d losses only", t.kept, t.lost)
	}
	return t.broke
}

// quicPacket is about how long a packet is.
const quicPacket = 1280

// certificate is one that nobody checks.
func certificate() (tls.Certificate, error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, pub, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
