package control

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"stentor/control/controlpb"
)

// maxAudit is how many entries of the audit log are kept. The oldest go, and the head
// keeps the hash before the first one, so that the rest can still be verified.
const maxAudit = 100_000

// auditDomain begins what is hashed, so that an entry's hash is nothing else's.
const auditDomain = "stentor audit/1\n"

// errAudit means that the audit log is not the one that was written.
var errAudit = errors.New("control: audit log is broken")

// facts is what an entry of the audit log says beside its subject. No personal data
// belongs in it: the log outlives a webinar's retention.
type facts map[string]any

// audit appends an entry to the audit log (M11). Before feature level 2 there is none.
func (d *draft) audit(action, webinar, subject string, data facts) error {
	if d.next.cluster.FeatureLevel < 2 {
		return nil
	}
	head := &controlpb.AuditHeadRecord{Seq: 1, First: 1}
	if old := d.next.AuditHead(); old != nil {
		head = &controlpb.AuditHeadRecord{Seq: old.GetSeq() + 1, Hash: old.GetHash(), First: old.GetFirst(), Before: old.GetBefore(), Signed: old.GetSigned()}
	}
	r := &controlpb.AuditRecord{
		Seq: head.GetSeq(), At: nanos(d.at), Principal: d.c.GetPrincipal(),
		Action: action, Webinar: webinar, Subject: subject, Index: d.change.Index,
	}
	if len(data) > 0 {
		b, err := json.Marshal(data) // sorts the keys, so that every node writes the same
		if err != nil {
			return fmt.Errorf("control: audit: %w", err)
		}
		r.Data = b
	}
	r.Hash = AuditHash(head.GetHash(), r)
	head.Hash = r.GetHash()
	for head.GetSeq()-head.GetFirst() >= maxAudit {
		key := Key{Kind: KindAudit, ID: auditID(head.GetFirst())}
		oldest := d.next.Record(key).GetAudit()
		if oldest == nil { // no log that Apply wrote
			break
		}
		head.Before, head.First = oldest.GetHash(), head.GetFirst()+1
		if err := d.remove(key); err != nil {
			return err
		}
	}
	if err := d.put(&controlpb.Record{Kind: &controlpb.Record_Audit{Audit: r}}); err != nil {
		return err
	}
	return d.put(auditHead(head))
}

// AuditHash returns the hash of an entry that follows one whose hash is prev: SHA-256 of
//
//	"stentor audit/1\n" | length u32, prev | seq u64 | at i64 | { length u32 | bytes } ...
//
// in big endian, with principal, action, webinar, subject and data at the end. prev is
// empty before the first entry.
func AuditHash(prev []byte, r *controlpb.AuditRecord) []byte {
	b := []byte(auditDomain)
	piece := func(p string) { b = append(binary.BigEndian.AppendUint32(b, uint32(len(p))), p...) }
	piece(string(prev))
	b = binary.BigEndian.AppendUint64(b, r.GetSeq())
	b = binary.BigEndian.AppendUint64(b, uint64(r.GetAt()))
	for _, p := range []string{r.GetPrincipal(), r.GetAction(), r.GetWebinar(), r.GetSubject(), string(r.GetData())} {
		piece(p)
	}
	h := sha256.Sum256(b)
	return h[:]
}

// VerifyAudit checks that entries follow each other, and the first of them the hash
// before, which is what an AuditHeadRecord keeps. It returns the hash of the last one,
// which has to be the head's and the one that was signed.
func VerifyAudit(before []byte, entries iter.Seq[*controlpb.AuditRecord]) (head []byte, err error) {
	head = before
	var last uint64
	for r := range entries {
		if last != 0 && r.GetSeq() != last+1 {
			return nil, fmt.Errorf("%w: %d follows %d", errAudit, r.GetSeq(), last)
		}
		if head = AuditHash(head, r); !bytes.Equal(head, r.GetHash()) {
			return nil, fmt.Errorf("%w: entry %d was changed, or one before it", errAudit, r.GetSeq())
		}
		last = r.GetSeq()
	}
	return head, nil
}
