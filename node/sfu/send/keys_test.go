package send

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
	"github.com/pion/srtp/v3"
)

// shake makes a DTLS session over a real pair of sockets, overheard by h, and
// returns the server's view of it.
func shake(t *testing.T, h *Handshake, suite dtls.CipherSuiteID, profile dtls.SRTPProtectionProfile) dtls.State {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := selfsign.WithDNS(key, "localhost")
	if err != nil {
		t.Fatal(err)
	}
	a, b := pair(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	shared := []dtls.Option{
		dtls.WithCertificates([]tls.Certificate{cert}...), dtls.WithSRTPProtectionProfiles(profile),
		dtls.WithCipherSuites(suite), dtls.WithInsecureSkipVerify(true), dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
	}
	server, err := dtls.ServerWithOptions(a, b.LocalAddr(), append(serverOptions(shared),
		dtls.WithKeyLogWriter(h), dtls.WithServerHelloMessageHook(h.ServerHello))...)
	if err != nil {
		t.Fatal(err)
	}
	client, err := dtls.ClientWithOptions(b, a.LocalAddr(), clientOptions(shared)...)
	if err != nil {
		t.Fatal(err)
	}
	shaken := make(chan error, 1)
	go func() { shaken <- client.HandshakeContext(ctx) }()
	if err := server.HandshakeContext(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-shaken; err != nil {
		t.Fatal(err)
	}
	state, ok := server.ConnectionState()
	if !ok {
		t.Fatal("no state")
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return state
}

func serverOptions(shared []dtls.Option) (all []dtls.ServerOption) {
	for _, o := range shared {
		all = append(all, o)
	}
	return all
}

func clientOptions(shared []dtls.Option) (all []dtls.ClientOption) {
	for _, o := range shared {
		all = append(all, o)
	}
	return all
}

func pair(t *testing.T) (a, b net.PacketConn) {
	t.Helper()
	conns := make([]net.PacketConn, 2)
	for i := range conns {
		c, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		conns[i] = c
	}
	return conns[0], conns[1]
}

// The guard: when pion derives its keys in another way one day, this fails before a
// viewer gets what it cannot decipher.
func TestOverheardKeysAreThoseOfPionsSession(t *testing.T) {
	profiles := map[dtls.SRTPProtectionProfile]srtp.ProtectionProfile{
		dtls.SRTP_AEAD_AES_128_GCM: srtp.ProtectionProfileAeadAes128Gcm,
		dtls.SRTP_AEAD_AES_256_GCM: srtp.ProtectionProfileAeadAes256Gcm,
	}
	suites := []dtls.CipherSuiteID{
		dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		dtls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, dtls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	}
	for ours, theirs := range profiles {
		for _, suite := range suites {
			t.Run(fmt.Sprintf("%v with %v", theirs, suite), func(t *testing.T) {
				var h Handshake
				state := shake(t, &h, suite, ours)
				want := srtp.Config{Profile: theirs}
				if err := want.ExtractSessionKeysFromDTLS(&state, false); err != nil {
					t.Fatal(err)
				}
				got, err := h.Keys()
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got.Key, want.Keys.LocalMasterKey) || !bytes.Equal(got.Salt, want.Keys.LocalMasterSalt) {
					t.Errorf("not the session's keys: %d and %d bytes, want %d and %d",
						len(got.Key), len(got.Salt), len(want.Keys.LocalMasterKey), len(want.Keys.LocalMasterSalt))
				}
			})
		}
	}
}

func TestKeysAreGivenOnceAndForgotten(t *testing.T) {
	var h Handshake
	shake(t, &h, dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, dtls.SRTP_AEAD_AES_128_GCM)
	secret := h.master
	keys, err := h.Keys()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(secret, make([]byte, len(secret))) {
		t.Error("the master secret is still there")
	}
	if _, err := h.Keys(); !errors.Is(err, ErrNoKeys) {
		t.Errorf("a second time: %v", err)
	}
	key := keys.Key
	keys.Wipe()
	if !bytes.Equal(key, make([]byte, len(key))) || keys.Key != nil {
		t.Error("the keys are still there")
	}
}

func TestOtherProfilesGiveNoKeys(t *testing.T) {
	var h Handshake
	shake(t, &h, dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	if _, err := h.Keys(); !errors.Is(err, ErrNoKeys) {
		t.Errorf("%v", err)
	}
	if h.master != nil {
		t.Error("the master secret is still there")
	}
}

func TestTheKeyLogIsWipedAndNothingElseBelieved(t *testing.T) {
	random := bytes.Repeat([]byte("ab"), 32)
	for name, c := range map[string]struct {
		line  string
		taken bool
	}{
		"the secret of a session is taken": {"CLIENT_RANDOM " + string(random) + " 0123456789abcdef\n", true},
		"another label is not":             {"SERVER_RANDOM " + string(random) + " 0123456789abcdef\n", false},
		"a short random is not":            {"CLIENT_RANDOM abab 0123456789abcdef\n", false},
		"what is no number is not":         {"CLIENT_RANDOM " + string(random) + " 012345678xabcdef\n", false},
		"a random that is none is not":     {"CLIENT_RANDOM x" + string(random[1:]) + " 0123456789abcdef\n", false},
		"an empty line is not":             {"\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			var h Handshake
			line := []byte(c.line)
			if n, err := h.Write(line); n != len(line) || err != nil {
				t.Fatalf("%d, %v", n, err)
			}
			if (h.master != nil) != c.taken {
				t.Errorf("secret %x", h.master)
			}
			if !bytes.Equal(line, make([]byte, len(line))) {
				t.Errorf("the line is still there: %q", line)
			}
			h.Forget()
			if _, err := h.Keys(); !errors.Is(err, ErrNoKeys) {
				t.Errorf("keys without a hello: %v", err)
			}
		})
	}
}
