package mesh

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/quic-go/quic-go"

	"stentor/cluster/pki"
)

// Why a handshake was refused; each is wrapped by the error of a dial.
var (
	ErrNoCertificate = errors.New("the other side showed no certificate: it has not joined the cluster")
	ErrWrongNode     = errors.New("another node answered than the one that was called")
	ErrNotVoter      = errors.New("it is no voter by its certificate")
	ErrWrongCluster  = errors.New("the cluster that answered is not the one of the join token")
	ErrRemoved       = errors.New("it was removed from the cluster")
)

// serverTLS picks the settings by ALPN for every handshake, with the credentials
// of that moment.
func (p *Port) serverTLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			alpn := p.pick(hello.SupportedProtos)
			if alpn == "" {
				p.metrics.refused.WithLabelValues("none", "protocol").Inc()
				return nil, errors.New("mesh: no protocol in common")
			}
			return p.tlsFor(alpn), nil
		},
	}
}

// pick chooses the first protocol of the client that somebody listens to here.
func (p *Port) pick(offered []string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, alpn := range offered {
		if p.listeners[alpn] != nil {
			return alpn
		}
	}
	return ""
}

func (p *Port) tlsFor(alpn string) *tls.Config {
	c := &tls.Config{
		MinVersion:   tls.VersionTLS13,
		NextProtos:   []string{alpn},
		Certificates: []tls.Certificate{p.config.Credentials().TLS()},
		// A resumed session would keep a certificate that is over.
		SessionTicketsDisabled: true,
	}
	if alpn == ALPNJoin {
		return c
	}
	// Requested, and demanded below, so that the reason can be counted.
	c.ClientAuth = tls.RequestClientCert
	c.VerifyConnection = func(s tls.ConnectionState) error {
		_, err := p.verify(s, "")
		if err != nil {
			p.metrics.refused.WithLabelValues(alpn, reason(err)).Inc()
		}
		return err
	}
	return c
}

// clientTLS is for a dial; node "" means whoever is there, but of this cluster.
func (p *Port) clientTLS(alpn, node string) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		NextProtos:   []string{alpn},
		ServerName:   serverName(node),
		Certificates: []tls.Certificate{p.config.Credentials().TLS()},
		// Names of hosts mean nothing here; VerifyConnection checks what does.
		InsecureSkipVerify:     true,
		SessionTicketsDisabled: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			_, err := p.verify(s, node)
			if err != nil {
				p.metrics.refused.WithLabelValues(alpn, reason(err)).Inc()
			}
			return err
		},
	}
}

// serverName is what travels in the clear, and by what address tokens are kept;
// empty makes quic-go use the address.
func serverName(node string) string { return node }

func (p *Port) verify(s tls.ConnectionState, node string) (pki.Identity, error) {
	if len(s.PeerCertificates) == 0 {
		return pki.Identity{}, fmt.Errorf("mesh: %w", ErrNoCertificate)
	}
	id, _, err := pki.Verify(s.PeerCertificates[0].Raw, p.config.Credentials().CA, p.config.Now())
	if err != nil {
		return id, fmt.Errorf("mesh: %w", err)
	}
	if node != "" && id.Node != node {
		return id, fmt.Errorf("mesh: called %s, found %s: %w", node, id.Node, ErrWrongNode)
	}
	if p.config.Removed != nil && p.config.Removed(id.Node) {
		return id, fmt.Errorf("mesh: %s: %w", id.Node, ErrRemoved)
	}
	return id, nil
}

func reason(err error) string {
	switch {
	case errors.Is(err, ErrNoCertificate):
		return "no_certificate"
	case errors.Is(err, ErrWrongNode):
		return "wrong_node"
	case errors.Is(err, pki.ErrExpired):
		return "expired"
	case errors.Is(err, ErrRemoved):
		return "removed"
	default:
		return "foreign"
	}
}

// Peer is who is at the other end of a connection, by its certificate, which the
// handshake verified. A newcomer on [ALPNJoin] has none.
func Peer(conn *quic.Conn) (pki.Identity, error) {
	certs := conn.ConnectionState().TLS.PeerCertificates
	if len(certs) == 0 {
		return pki.Identity{}, fmt.Errorf("mesh: %w", ErrNoCertificate)
	}
	return pki.IdentityOf(certs[0])
}

// joinTLS is for a newcomer, who knows nothing but the digest of the authority.
func joinTLS(ca [32]byte, now clock) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{ALPNJoin},
		InsecureSkipVerify:     true,
		SessionTicketsDisabled: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			_, err := pinned(s.PeerCertificates, ca, now)
			return err
		},
	}
}

// pinned checks that the chain [node, authority] leads to the pinned authority, and
// that the node is a voter: an edge could not redeem the token, only keep it.
func pinned(chain []*x509.Certificate, ca [32]byte, now clock) (*x509.Certificate, error) {
	i := slices.IndexFunc(chain, func(c *x509.Certificate) bool {
		d := sha256.Sum256(c.Raw)
		return subtle.ConstantTimeCompare(d[:], ca[:]) == 1
	})
	if i < 1 {
		return nil, fmt.Errorf("mesh: %w: ask for a new token, or look at the address", ErrWrongCluster)
	}
	id, _, err := pki.Verify(chain[0].Raw, chain[i], now())
	if err != nil {
		return nil, fmt.Errorf("mesh: %w", err)
	}
	if id.Role != pki.Voter {
		return nil, fmt.Errorf("mesh: %s cannot let others in: ask a voter: %w", id, ErrNotVoter)
	}
	return chain[i], nil
}
