package parity

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/testutils/simnet"

	"stentor/bench/impair"
)

// An end is one of two nodes with quic-go over parity over a path, in the bubble of the test.
type end struct {
	*Conn
	tr   *quic.Transport
	addr *net.UDPAddr
	conn *quic.Conn
	reg  *prometheus.Registry
}

func (e *end) port() netip.AddrPort { return unmap(e.addr.AddrPort()) }

// between connects two ends by a path that is forward from a to b, and clean back.
func between(t *testing.T, forward impair.Profile, seed uint64, f func(t *testing.T, a, b *end)) {
	synctest.Test(t, func(t *testing.T) {
		world := &simnet.Simnet{Router: &simnet.PerfectRouter{}}
		var ends [2]*end
		for i, p := range []impair.Profile{forward, {Delay: forward.Delay}} {
			addr := &net.UDPAddr{IP: net.IPv4(10, 0, 0, byte(i+1)), Port: 4000}
			link := impair.New(p, seed)
			inner := impair.Conn(world.NewEndpoint(addr, simnet.NodeBiDiLinkSettings{}), func(net.Addr) *impair.Link { return link })
			reg := prometheus.NewRegistry()
			c, err := Wrap(inner, Config{Registerer: reg})
			if err != nil {
				t.Fatal(err)
			}
			ends[i] = &end{Conn: c, tr: &quic.Transport{Conn: c.Socket()}, addr: addr, reg: reg}
		}
		if err := world.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			for _, e := range ends {
				_ = e.tr.Close()
				_ = e.Socket().Close()
			}
			if err := world.Close(); err != nil {
				t.Error(err)
			}
		}()
		connect(t, ends[0], ends[1])
		f(t, ends[0], ends[1])
	})
}

func connect(t testing.TB, a, b *end) {
	t.Helper()
	conf := security(t)
	l, err := b.tr.Listen(conf, settings)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if a.conn, err = a.tr.Dial(ctx, b.addr, conf, settings); err != nil {
		t.Fatal(err)
	}
	if b.conn, err = l.Accept(ctx); err != nil {
		t.Fatal(err)
	}
}

var settings = &quic.Config{EnableDatagrams: true, MaxIncomingUniStreams: 512, InitialStreamReceiveWindow: 2 << 20, InitialConnectionReceiveWindow: 8 << 20}

func security(t testing.TB) *tls.Config {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, pub, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		NextProtos:   []string{"parity"}, InsecureSkipVerify: true,
	}
}

// metric returns the sum of a metric of an end.
func (e *end) metric(t *testing.T, name string) (sum float64) {
	t.Helper()
	families, err := e.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "stentor_parity_"+name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
			return sum
		}
	}
	t.Fatalf("there is no stentor_parity_%s", name)
	return 0
}
