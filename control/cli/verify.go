package cli

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"stentor/control"
	"stentor/control/client"
	"stentor/control/controlpb"
)

// AuditVerify checks the audit log.
type AuditVerify struct {
	Remote
	CA string `name:"ca" help:"File with the cluster's certificate (ca.crt in a node's folder), to know who signed." placeholder:"FILE"`
}

// Verified is what --json prints about an audit log that holds.
type Verified struct {
	Entries   uint64 `json:"entries" doc:"How many were checked."`
	First     uint64 `json:"first" doc:"The oldest entry that is kept."`
	Last      uint64 `json:"last" doc:"The newest entry that was checked."`
	Head      string `json:"head" doc:"The hash of the newest entry, in hex. Kept elsewhere, it proves later that nothing before it has changed."`
	SignedSeq uint64 `json:"signed_seq,omitempty" doc:"The newest entry under which there is a signature."`
	SignedBy  string `json:"signed_by,omitempty" doc:"The node that signed, as its certificate says."`
	CA        bool   `json:"ca" doc:"The certificate was checked against the cluster's."`
}

// errTampered means that the log is not what was written.
var errTampered = errors.New("the audit log does not hold")

// Run reads the whole log, computes the hash of each entry anew, and checks the
// newest signature.
func (c *AuditVerify) Run(ctx context.Context, e *Env) error {
	ca, err := c.authority()
	if err != nil {
		return err
	}
	api, err := c.open(e)
	if err != nil {
		return err
	}
	head, err := api.AuditHead(ctx)
	if err != nil {
		return err
	}
	v, err := verifyAudit(ctx, api, head, ca)
	if err != nil {
		return err
	}
	if head.Signed == nil {
		e.hint("nobody has signed the log yet: the entries fit each other, and that is all that is known")
	} else if !v.CA {
		e.hint("whether %s is of your cluster is not known: --ca FILE, with the ca.crt of a node's folder, checks that", v.SignedBy)
	}
	signed := "no"
	if head.Signed != nil {
		signed = fmt.Sprintf("up to %d by %s", v.SignedSeq, v.SignedBy)
	}
	return c.say(e, v, v.Head, "audit log", "holds", "entries", fmt.Sprintf("%d (%d to %d)", v.Entries, v.First, v.Last), "head", v.Head, "signed", signed)
}

// verifyAudit holds the entries against each other and against the head, the
// newest first, as the server lists them.
func verifyAudit(ctx context.Context, api *client.Client, head client.AuditHead, ca *x509.Certificate) (Verified, error) {
	v := Verified{First: head.First, Last: head.Seq, Head: head.Hash}
	pins := map[uint64]string{head.Seq: head.Hash} // hashes that are known from elsewhere
	if s := head.Signed; s != nil {
		if known, found := pins[s.Seq]; s.Seq > head.Seq || (found && known != s.Hash) {
			return v, fmt.Errorf("%w: what was signed is not what is there", errTampered)
		}
		pins[s.Seq] = s.Hash
		var err error
		if v.SignedBy, err = checkSignature(*s, ca); err != nil {
			return v, err
		}
		v.SignedSeq, v.CA = s.Seq, ca != nil
	}
	var newer client.AuditEntry
	for entry, err := range client.Each(func(p client.Page) (client.Audit, error) { return api.AllAudit(ctx, p) }) {
		if err != nil {
			return v, err
		}
		if entry.Seq > head.Seq { // came after the head was read
			continue
		}
		if v.Entries == 0 && entry.Seq != head.Seq {
			return v, fmt.Errorf("%w: it ends with entry %d, and the head says %d", errTampered, entry.Seq, head.Seq)
		}
		if known, found := pins[entry.Seq]; found && known != entry.Hash {
			return v, fmt.Errorf("%w: entry %d has another hash than the head or the signature says", errTampered, entry.Seq)
		}
		delete(pins, entry.Seq)
		if v.Entries > 0 {
			if err := follows(newer, entry.Seq, entry.Hash); err != nil {
				return v, err
			}
		}
		newer, v.Entries = entry, v.Entries+1
	}
	return v, v.end(ctx, api, head, newer)
}

// end checks the oldest entry. While the log was read its oldest entries may have
// gone, since only so many are kept.
func (v *Verified) end(ctx context.Context, api *client.Client, head client.AuditHead, oldest client.AuditEntry) error {
	if v.Entries == 0 {
		if head.Seq != 0 && head.First <= head.Seq {
			return fmt.Errorf("%w: the head says %d to %d, and there are none", errTampered, head.First, head.Seq)
		}
		return nil
	}
	if oldest.Seq != head.First {
		now, err := api.AuditHead(ctx)
		if err != nil {
			return err
		}
		head.First, head.Before = now.First, now.Before
	}
	if oldest.Seq != head.First {
		return fmt.Errorf("%w: it begins with entry %d, and the head says %d", errTampered, oldest.Seq, head.First)
	}
	v.First = head.First
	return follows(oldest, oldest.Seq-1, head.Before)
}

// follows checks that entry comes after one with that number and hash.
func follows(entry client.AuditEntry, seq uint64, hash string) error {
	if entry.Seq != seq+1 {
		return fmt.Errorf("%w: entry %d follows entry %d", errTampered, entry.Seq, seq)
	}
	before, err := hex.DecodeString(hash)
	if err != nil {
		return fmt.Errorf("%w: the hash of entry %d is none", errTampered, seq)
	}
	sum := control.AuditHash(before, &controlpb.AuditRecord{
		Seq: entry.Seq, At: entry.At.UnixNano(), Principal: entry.By, Action: entry.Action,
		Webinar: entry.Webinar, Subject: entry.Subject, Data: entry.Data, Index: entry.Index,
	})
	if want, err := hex.DecodeString(entry.Hash); err != nil || !bytes.Equal(sum, want) {
		return fmt.Errorf("%w: entry %d was changed, or the one before it", errTampered, entry.Seq)
	}
	return nil
}

// authority reads the cluster's certificate, nil where none is given.
func (c *AuditVerify) authority() (*x509.Certificate, error) {
	if c.CA == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, Usage(fmt.Errorf("--ca: %w", err))
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, Usage(fmt.Errorf("--ca: %s holds no certificate", c.CA))
	}
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, Usage(fmt.Errorf("--ca: %w", err))
	}
	return ca, nil
}

// checkSignature checks the signature under a hash by the certificate that came
// with it, and that certificate by the cluster's, if it is known. It returns the
// name of the node. Certificates are good for a day, and the log for longer: when
// it was signed nobody knows but the node, so that its time does not count.
func checkSignature(s client.AuditSignature, ca *x509.Certificate) (node string, err error) {
	bad := func(why string) (string, error) {
		return "", fmt.Errorf("%w: the signature under entry %d is not good: %s", errTampered, s.Seq, why)
	}
	hash, errHash := hex.DecodeString(s.Hash)
	signature, errSignature := base64.StdEncoding.DecodeString(s.Signature)
	der, errDER := base64.StdEncoding.DecodeString(s.Certificate)
	if errors.Join(errHash, errSignature, errDER) != nil {
		return bad("it cannot be read")
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return bad("its certificate cannot be read")
	}
	key, ok := cert.PublicKey.(ed25519.PublicKey)
	if !ok || !ed25519.Verify(key, control.Signed(hash), signature) {
		return bad("it is not of that certificate")
	}
	if ca != nil && (cert.CheckSignatureFrom(ca) != nil || cert.IsCA) {
		return bad("its certificate is of another cluster")
	}
	if node = voterOf(cert); node == "" {
		return bad("its certificate is not one of a voter")
	}
	return node, nil
}

// voterOf returns the name of the voter that a certificate is for: the URI
// stentor://voter/NAME in it.
func voterOf(cert *x509.Certificate) string {
	if len(cert.URIs) != 1 || cert.URIs[0].Scheme != "stentor" || cert.URIs[0].Host != "voter" {
		return ""
	}
	return strings.TrimPrefix(cert.URIs[0].Path, "/")
}
