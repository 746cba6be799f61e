package cli

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stentor/control"
	"stentor/control/client"
	"stentor/control/controlpb"
)

// ledger is an audit log as a server would have it.
type ledger struct {
	entries []client.AuditEntry // the oldest first
	head    client.AuditHead
}

// newLedger returns entries first to last, in a chain that begins before them.
func newLedger(first, last uint64) *ledger {
	l := &ledger{head: client.AuditHead{Seq: last, First: first}}
	hash := []byte{}
	if first > 1 {
		hash = []byte(strings.Repeat("h", 32))
	}
	l.head.Before = hex.EncodeToString(hash)
	for seq := first; seq <= last; seq++ {
		e := client.AuditEntry{Seq: seq, At: march.Add(time.Duration(seq) * 1001), By: "t-1", Action: "participant.banned", Webinar: "w-1", Subject: fmt.Sprint("p-", seq), Index: seq + 7}
		if seq%2 == 0 {
			e.Data = json.RawMessage(`{"strength":"\u003cweak\u003e"}`)
		}
		hash = control.AuditHash(hash, &controlpb.AuditRecord{Seq: seq, At: e.At.UnixNano(), Principal: e.By, Action: e.Action, Webinar: e.Webinar, Subject: e.Subject, Data: e.Data, Index: e.Index})
		e.Hash = hex.EncodeToString(hash)
		l.entries = append(l.entries, e)
	}
	l.head.Hash = hex.EncodeToString(hash)
	return l
}

// sign has a node sign the entry seq, with a certificate of ca.
func (l *ledger) sign(t *testing.T, ca *authority, seq uint64, role string) {
	t.Helper()
	der, key := ca.node(t, role)
	hash, err := hex.DecodeString(l.entries[seq-l.head.First].Hash)
	if err != nil {
		t.Fatal(err)
	}
	l.head.Signed = &client.AuditSignature{
		Seq: seq, Hash: hex.EncodeToString(hash), Signature: base64.StdEncoding.EncodeToString(ed25519.Sign(key, control.Signed(hash))), Certificate: base64.StdEncoding.EncodeToString(der),
	}
}

// serve serves the log in pages of two.
func (l *ledger) serve(t *testing.T) *server {
	pages := map[string]answer{"GET /api/v1/audit/head": {200, l.head}}
	newest := slices.Clone(l.entries)
	slices.Reverse(newest)
	for i := 0; i == 0 || i < len(newest); i += 2 {
		end := min(i+2, len(newest))
		page, key := client.Audit{Items: newest[i:end]}, "GET /api/v1/audit?limit=200"
		if i > 0 {
			key = fmt.Sprintf("GET /api/v1/audit?cursor=%d&limit=200", i)
		}
		if end < len(newest) {
			page.Next = fmt.Sprint(end)
		}
		pages[key] = answer{200, page}
	}
	return newServer(t, pages)
}

// authority is a cluster's.
type authority struct {
	cert *x509.Certificate
	key  ed25519.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: march, NotAfter: march.AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, pub, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, file}
}

// node makes a certificate that was over long ago: what it signed still counts.
func (a *authority) node(t *testing.T, role string) (der []byte, key ed25519.PrivateKey) {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: march, NotAfter: march.Add(24 * time.Hour),
		URIs: []*url.URL{{Scheme: "stentor", Host: role, Path: "/n1"}},
	}
	if der, err = x509.CreateCertificate(rand.Reader, template, a.cert, pub, a.key); err != nil {
		t.Fatal(err)
	}
	return der, key
}

func TestM11AnAuditLogIsVerified(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	for _, c := range []struct {
		name        string
		first, last uint64
		change      func(l *ledger)
		ca          *authority
		want        string // of what is printed, or why it does not hold
		hint        string
		holds       bool
	}{
		{"a log that holds, signed by a voter of the cluster", 1, 7, func(l *ledger) { l.sign(t, ca, 7, "voter") }, ca, "up to 7 by n1", "", true},
		{"a signature under an older entry", 1, 7, func(l *ledger) { l.sign(t, ca, 4, "voter") }, ca, "up to 4 by n1", "", true},
		{"nobody knows the cluster", 1, 7, func(l *ledger) { l.sign(t, ca, 7, "voter") }, nil, "up to 7 by n1", "--ca FILE", true},
		{"nobody has signed yet", 1, 1, func(*ledger) {}, ca, "1 (1 to 1)", "nobody has signed", true},
		{"the oldest entries are gone", 5, 9, func(l *ledger) { l.sign(t, ca, 9, "voter") }, ca, "5 (5 to 9)", "", true},
		{"what was signed is gone", 5, 9, func(l *ledger) { l.sign(t, ca, 9, "voter"); l.head.Signed.Seq = 4 }, ca, "up to 4", "", true},
		{"there is nothing", 1, 0, func(l *ledger) { l.head.First = 0 }, ca, "0 (0 to 0)", "nobody has signed", true},
		{"an entry came while the log was read", 1, 4, func(l *ledger) {
			more := newLedger(1, 5).entries[4]
			l.entries = append(l.entries, more)
		}, ca, "4 (1 to 4)", "", true},

		{"a subject was changed", 1, 7, func(l *ledger) { l.entries[3].Subject = "p-99" }, nil, "entry 4 was changed", "", false},
		{"a time was changed", 1, 7, func(l *ledger) { l.entries[3].At = l.entries[3].At.Add(1) }, nil, "entry 4 was changed", "", false},
		{"data was changed", 1, 7, func(l *ledger) { l.entries[3].Data = json.RawMessage(`{}`) }, nil, "entry 4 was changed", "", false},
		{"the oldest entry was changed", 1, 7, func(l *ledger) { l.entries[0].By = "t-2" }, nil, "entry 1 was changed", "", false},
		{"the newest entry was changed", 1, 7, func(l *ledger) { l.entries[6].By = "t-2" }, nil, "entry 7 was changed", "", false},
		{"an entry was left out", 1, 7, func(l *ledger) { l.entries = slices.Delete(l.entries, 3, 4) }, nil, "entry 5 follows entry 3", "", false},
		{"the oldest was left out", 1, 7, func(l *ledger) { l.entries = l.entries[1:] }, nil, "begins with entry 2", "", false},
		{"the newest was left out", 1, 7, func(l *ledger) { l.entries = l.entries[:6] }, nil, "ends with entry 6", "", false},
		{"all was left out", 1, 7, func(l *ledger) { l.entries = nil }, nil, "there are none", "", false},
		{"the whole chain was made anew under the signature", 1, 7, func(l *ledger) {
			l.sign(t, ca, 4, "voter")
			signed := l.head.Signed
			*l = *newLedger(1, 7)
			l.entries[0].By = "t-2"
			hash := []byte{}
			for i := range l.entries {
				e := &l.entries[i]
				hash = control.AuditHash(hash, &controlpb.AuditRecord{Seq: e.Seq, At: e.At.UnixNano(), Principal: e.By, Action: e.Action, Webinar: e.Webinar, Subject: e.Subject, Data: e.Data})
				e.Hash = hex.EncodeToString(hash)
			}
			l.head.Hash, l.head.Signed = hex.EncodeToString(hash), signed
		}, ca, "entry 4 has another hash", "", false},
		{"the head is another", 1, 7, func(l *ledger) { l.head.Hash = strings.Repeat("00", 32) }, nil, "entry 7 has another hash", "", false},
		{"the signature is of the future", 1, 7, func(l *ledger) { l.sign(t, ca, 7, "voter"); l.head.Signed.Seq = 8 }, ca, "not what is there", "", false},
		{"a signature of another cluster", 1, 7, func(l *ledger) { l.sign(t, other, 7, "voter") }, ca, "of another cluster", "", false},
		{"a signature of an edge", 1, 7, func(l *ledger) { l.sign(t, ca, 7, "edge") }, ca, "not one of a voter", "", false},
		{"a signature of another entry", 1, 7, func(l *ledger) {
			l.sign(t, ca, 6, "voter")
			l.head.Signed.Seq, l.head.Signed.Hash = 7, l.head.Hash
		}, ca, "not of that certificate", "", false},
		{"a signature that is none", 1, 7, func(l *ledger) { l.sign(t, ca, 7, "voter"); l.head.Signed.Signature = "?" }, ca, "cannot be read", "", false},
		{"a certificate that is none", 1, 7, func(l *ledger) { l.sign(t, ca, 7, "voter"); l.head.Signed.Certificate = "AAAA" }, ca, "certificate cannot be read", "", false},
	} {
		t.Run("M11 "+c.name, func(t *testing.T) {
			l := newLedger(c.first, c.last)
			c.change(l)
			args := "audit verify"
			if c.ca != nil {
				args += " --ca " + c.ca.file
			}
			stdout, stderr, status := l.serve(t).run(t, call{args: args})
			if c.holds && (status != 0 || !strings.Contains(stdout, c.want) || !strings.Contains(stderr, c.hint) || (c.hint == "" && c.ca != nil && c.last != 4 && stderr != "")) {
				t.Errorf("exit status %d, %s%s, want %s", status, stdout, stderr, c.want)
			}
			if !c.holds && (status != 1 || !strings.Contains(stderr, "does not hold") || !strings.Contains(stderr, c.want) || stdout != "") {
				t.Errorf("exit status %d, %s%s, want %s", status, stdout, stderr, c.want)
			}
		})
	}
}

func TestVerifyForMachines(t *testing.T) {
	ca, l := newAuthority(t), newLedger(1, 3)
	l.sign(t, ca, 3, "voter")
	stdout, _, _ := l.serve(t).run(t, call{args: "audit verify --json --ca " + ca.file})
	var v Verified
	if err := json.Unmarshal([]byte(stdout), &v); err != nil || v != (Verified{Entries: 3, First: 1, Last: 3, Head: l.head.Hash, SignedSeq: 3, SignedBy: "n1", CA: true}) {
		t.Errorf("printed %s, %v", stdout, err)
	}
}

func TestFilesThatAreNoAuthority(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ca.crt")
	for text, want := range map[string]string{"": "holds no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n": "x509", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n": "holds no certificate"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, stderr, status := newServer(t, nil).run(t, call{args: "audit verify --ca " + file}); status != 2 || !strings.Contains(stderr, want) {
			t.Errorf("%q: exit status %d, %s", text, status, stderr)
		}
	}
	if _, stderr, status := newServer(t, nil).run(t, call{args: "audit verify --ca /nowhere"}); status != 2 || !strings.Contains(stderr, "no such file") {
		t.Errorf("exit status %d, %s", status, stderr)
	}
}
