package control

import (
	"bytes"

	"stentor/control/controlpb"
)

// The bounds of a signature and its certificate, in bytes.
const (
	maxSignature   = 512
	maxCertificate = 8 << 10
)

// signAudit keeps the newest signature under the audit log. Whether it is the leader's
// is for whoever reads it: here it has to be of this log, and newer than the last.
func (d *draft) signAudit(c *controlpb.SignAudit) (string, error) {
	head := d.next.AuditHead()
	entry := d.next.Record(Key{Kind: KindAudit, ID: auditID(c.GetSeq())}).GetAudit()
	switch {
	case entry == nil || !bytes.Equal(entry.GetHash(), c.GetHash()) || c.GetSeq() <= head.GetSigned().GetSeq():
		return "", ErrWrongSignature
	case len(c.GetSignature()) == 0 || len(c.GetSignature()) > maxSignature:
		return "", invalid("signature", "A signature has up to 512 bytes.")
	case len(c.GetCertificate()) > maxCertificate:
		return "", invalid("certificate", "A certificate has up to 8 KiB.")
	}
	return "", d.put(auditHead(&controlpb.AuditHeadRecord{
		Seq: head.GetSeq(), Hash: head.GetHash(), First: head.GetFirst(), Before: head.GetBefore(), Signed: c,
	}))
}

func auditHead(h *controlpb.AuditHeadRecord) *controlpb.Record {
	return &controlpb.Record{Kind: &controlpb.Record_AuditHead{AuditHead: h}}
}
