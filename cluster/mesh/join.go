package mesh

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"stentor/cluster/pki"
)

type clock = func() time.Time

const (
	// maxRequest and maxReply bound what either side of a join has to hold: a
	// request has one key and one name, a reply has the addresses of a thousand
	// members.
	maxRequest = 4 << 10
	maxReply   = 256 << 10
	// joinTimeout bounds one join: a Raft write and a few round trips.
	joinTimeout = 15 * time.Second
	// joining is how many joins are served at once; who finds it full comes
	// again. They are the only connections without a certificate.
	joining = 8
	// exporter binds the proof of the newcomer's key to this very connection.
	exporter = "EXPORTER-stentor-join"
)

// JoinRequest is what a newcomer says, once it knows the cluster by its digest.
type JoinRequest struct {
	Secret []byte            `json:"secret"` // of the join token, 32 bytes
	Node   string            `json:"node"`
	Public ed25519.PublicKey `json:"public"`
	Proof  []byte            `json:"proof"` // signature by Public over the connection's exporter
	Remote net.Addr          `json:"-"`     // where it came from, for logs
}

// JoinReply is what makes a newcomer a node. Its role is in the certificate.
type JoinReply struct {
	Certificate []byte       `json:"certificate"` // DER
	CA          []byte       `json:"ca"`          // DER
	GossipKey   []byte       `json:"gossip_key"`
	Members     []JoinMember `json:"members"`
	// GossipKeys are all keys while they rotate, the one that seals (GossipKey)
	// first; empty from voters before v0.3.
	GossipKeys [][]byte `json:"gossip_keys,omitempty"`

	// For voters only: the authority's key (PKCS #8 PEM) and the key of PINs.
	CAKey  []byte `json:"ca_key,omitempty"`
	PINKey []byte `json:"pin_key,omitempty"`
}

// JoinMember is one member and where its mesh port is.
type JoinMember struct {
	Node    string   `json:"node"`
	Role    pki.Role `json:"role"`
	Address string   `json:"address"`
}

// A JoinError is a refusal that the newcomer may read. Any other error of a
// handler reaches it as "internal".
type JoinError struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func (e *JoinError) Error() string { return "mesh: join refused (" + e.Code + "): " + e.Detail }

// JoinHandler redeems the token and signs. Secret and Proof have been checked for
// shape and possession of the key, the name for its form, nothing else.
type JoinHandler func(ctx context.Context, r JoinRequest) (JoinReply, error)

type joinAnswer struct {
	Error *JoinError `json:"error,omitempty"`
	Reply *JoinReply `json:"reply,omitempty"`
}

// ServeJoin answers newcomers until ctx is done.
func (p *Port) ServeJoin(ctx context.Context, handler JoinHandler) error {
	l := p.Listen(ALPNJoin)
	slots := make(chan struct{}, joining)
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		conn, err := l.Accept(ctx)
		if err != nil {
			return nil
		}
		select {
		case slots <- struct{}{}:
			wg.Go(func() {
				defer func() { <-slots }()
				p.serveJoin(ctx, conn, handler)
			})
		default:
			p.metrics.refused.WithLabelValues(ALPNJoin, "busy").Inc()
			conn.CloseWithError(codeBusy, "busy")
		}
	}
}

func (p *Port) serveJoin(ctx context.Context, conn *quic.Conn, handler JoinHandler) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	defer conn.CloseWithError(codeShutdown, "done")
	s, err := conn.AcceptStream(ctx)
	if err != nil {
		return
	}
	s.ReleaseStreamCredit()
	deadline, _ := ctx.Deadline()
	s.SetDeadline(deadline)
	var req JoinRequest
	if err := readMessage(s, maxRequest, &req); err != nil {
		p.metrics.refused.WithLabelValues(ALPNJoin, "malformed").Inc()
		return
	}
	req.Remote = conn.RemoteAddr()
	answer := p.answerJoin(ctx, conn, req, handler)
	if err := writeMessage(s, maxReply, answer); err != nil {
		p.log.Warn("join: answer not sent", "node", req.Node, "from", req.Remote, "err", err)
		return
	}
	s.Close()
	// The newcomer closes the connection once it has read everything.
	select {
	case <-conn.Context().Done():
	case <-ctx.Done():
	}
}

func (p *Port) answerJoin(ctx context.Context, conn *quic.Conn, req JoinRequest, handler JoinHandler) joinAnswer {
	err := checkJoin(req, conn.ConnectionState().TLS)
	var reply JoinReply
	if err == nil {
		reply, err = handler(ctx, req)
	}
	if err == nil {
		return joinAnswer{Reply: &reply}
	}
	var refusal *JoinError
	if !errors.As(err, &refusal) {
		p.log.Error("join failed", "node", req.Node, "from", req.Remote, "err", err)
		refusal = &JoinError{"internal", "The node that was asked could not do it; its log says why. Try another one."}
	}
	p.metrics.refused.WithLabelValues(ALPNJoin, "denied").Inc()
	return joinAnswer{Error: refusal}
}

func checkJoin(r JoinRequest, s tls.ConnectionState) error {
	if err := pki.CheckNode(r.Node); err != nil {
		return &JoinError{"bad_name", err.Error()}
	}
	if len(r.Secret) != 32 || len(r.Public) != ed25519.PublicKeySize {
		return &JoinError{"malformed", "The request to join is malformed: are both nodes of one version?"}
	}
	bound, err := s.ExportKeyingMaterial(exporter, nil, 32)
	if err != nil {
		return err
	}
	if !ed25519.Verify(r.Public, bound, r.Proof) {
		return &JoinError{"bad_proof", "The newcomer does not hold the key that it wants certified."}
	}
	return nil
}

// DialJoin is a newcomer's dial by a socket of its own: whoever is at addr, if
// its certificate leads to the authority with that digest. Nothing secret has
// been sent when it returns. release closes the socket.
func DialJoin(ctx context.Context, addr string, ca [32]byte) (conn *quic.Conn, release func(), err error) {
	socket, err := net.ListenUDP("udp", nil)
	if err != nil {
		return nil, nil, fmt.Errorf("mesh: %w", err)
	}
	conn, done, err := DialJoinOn(ctx, socket, addr, ca, nil)
	if err != nil {
		socket.Close()
		return nil, nil, err
	}
	return conn, func() { done(); socket.Close() }, nil
}

// DialJoinOn is [DialJoin] on a given socket, which stays open, and by a given
// clock (nil: the system's).
func DialJoinOn(ctx context.Context, socket net.PacketConn, addr string, ca [32]byte, now func() time.Time) (conn *quic.Conn, release func(), err error) {
	if now == nil {
		now = time.Now
	}
	udp, err := resolveUDP(ctx, socket.LocalAddr(), addr)
	if err != nil {
		return nil, nil, err
	}
	tr := &quic.Transport{Conn: socket}
	conn, err = tr.Dial(ctx, udp, joinTLS(ca, now), QUICConfig())
	if err != nil {
		tr.Close()
		return nil, nil, fmt.Errorf("mesh: join at %s: %w", addr, err)
	}
	return conn, func() { conn.CloseWithError(codeShutdown, "done"); tr.Close() }, nil
}

// Join asks the node at addr to let this one into the cluster under that name,
// with key as its key. What comes back has been checked: it is from the token's
// cluster and certifies this name and key. A refusal is a [*JoinError].
func Join(ctx context.Context, addr string, token pki.JoinToken, name string, key ed25519.PrivateKey) (JoinReply, error) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	conn, release, err := DialJoin(ctx, addr, token.CA)
	if err != nil {
		return JoinReply{}, err
	}
	defer release()
	return JoinOver(ctx, conn, token, name, key, nil)
}

// JoinOver is [Join] over a connection of [DialJoinOn].
func JoinOver(ctx context.Context, conn *quic.Conn, token pki.JoinToken, name string, key ed25519.PrivateKey, now func() time.Time) (JoinReply, error) {
	if now == nil {
		now = time.Now
	}
	state := conn.ConnectionState().TLS
	ca, err := pinned(state.PeerCertificates, token.CA, now) // again: the secret follows
	if err != nil {
		return JoinReply{}, err
	}
	bound, err := state.ExportKeyingMaterial(exporter, nil, 32)
	if err != nil {
		return JoinReply{}, fmt.Errorf("mesh: join: %w", err)
	}
	s, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return JoinReply{}, fmt.Errorf("mesh: join: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { s.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	req := JoinRequest{Secret: token.Secret[:], Node: name, Public: key.Public().(ed25519.PublicKey), Proof: ed25519.Sign(key, bound)}
	if err := writeMessage(s, maxRequest, req); err != nil {
		return JoinReply{}, fmt.Errorf("mesh: join: %w", err)
	}
	s.Close()
	var answer joinAnswer
	if err := readMessage(s, maxReply, &answer); err != nil {
		return JoinReply{}, fmt.Errorf("mesh: join: %w", err)
	}
	return checkReply(answer, name, key, ca, now)
}

func checkReply(a joinAnswer, name string, key ed25519.PrivateKey, ca *x509.Certificate, now clock) (JoinReply, error) {
	if a.Error != nil {
		return JoinReply{}, a.Error
	}
	if a.Reply == nil || sha256.Sum256(a.Reply.CA) != sha256.Sum256(ca.Raw) {
		return JoinReply{}, fmt.Errorf("mesh: join: %w", ErrWrongCluster)
	}
	c, err := pki.NewCredentials(a.Reply.Certificate, key, ca, now())
	if err != nil {
		return JoinReply{}, fmt.Errorf("mesh: join: %w", err)
	}
	if c.Identity.Node != name {
		return JoinReply{}, fmt.Errorf("mesh: join: asked to be %s, was made %s: %w", name, c.Identity.Node, ErrWrongNode)
	}
	return *a.Reply, nil
}

// Credentials are what the reply makes of a newcomer's key.
func (r JoinReply) Credentials(key ed25519.PrivateKey, now time.Time) (*pki.Credentials, error) {
	ca, err := x509.ParseCertificate(r.CA)
	if err != nil {
		return nil, fmt.Errorf("mesh: %w", err)
	}
	return pki.NewCredentials(r.Certificate, key, ca, now)
}

// A message is four bytes of length, then JSON.
func writeMessage(w io.Writer, limit int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(b) > limit {
		return fmt.Errorf("a message of %d bytes is over the limit of %d", len(b), limit)
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...))
	return err
}

func readMessage(r io.Reader, limit int, v any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > uint32(limit) {
		return fmt.Errorf("a message of %d bytes is over the limit of %d", n, limit)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}
