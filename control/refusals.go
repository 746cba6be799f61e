package control

import (
	"fmt"
	"strings"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// What a command is refused with, beside what package webinar refuses visitors with.
var (
	ErrExists              = &webinar.Denial{Code: "exists", Detail: "There is already one of that ID."}
	ErrNoSuchBan           = &webinar.Denial{Code: "ban_not_found", Detail: "There is no such ban."}
	ErrNoSuchStream        = &webinar.Denial{Code: "stream_not_found", Detail: "Nobody sends under that name."}
	ErrStaleEpoch          = &webinar.Denial{Code: "stale_epoch", Detail: "Someone else has taken over this stream."}
	ErrNoSuchToken         = &webinar.Denial{Code: "token_not_found", Detail: "There is no such token."}
	ErrTokenUsed           = &webinar.Denial{Code: "token_used", Detail: "This join token was used before; make a new one."}
	ErrTokenExpired        = &webinar.Denial{Code: "token_expired", Detail: "This join token has expired; make a new one."}
	ErrPINWithRegistration = &webinar.Denial{Code: "pin_with_registration", Detail: "A webinar has a PIN or a registration, not both: clear the PIN, or switch the registration off."}
	ErrVersion             = &webinar.Denial{Code: "version_mismatch", Detail: "Someone else has changed the webinar in the meantime."}
	ErrRequestReused       = &webinar.Denial{Code: "request_reused", Detail: "This request ID was used for another request."}
	ErrFeatureLevel        = &webinar.Denial{Code: "feature_level", Detail: "Some nodes are too old for this; upgrade them first."}
	ErrUnknownCommand      = &webinar.Denial{Code: "unknown_command", Detail: "This version does not know that command."}
	ErrOtherCluster        = &webinar.Denial{Code: "other_cluster", Detail: "This is another cluster."}

	ErrNoSuchInvite      = &webinar.Denial{Code: "invite_not_found", Detail: "There is no such invite."}
	ErrAccountInvited    = &webinar.Denial{Code: "account_invited", Detail: "This account has an invite already; revoke it first."}
	ErrNoSuchRegistrant  = &webinar.Denial{Code: "registrant_not_found", Detail: "There is no such registrant."}
	ErrNotUnconnected    = &webinar.Denial{Code: "not_unconnected", Detail: "Nobody of that ID was disconnected or banned."}
	ErrOwnerStays        = &webinar.Denial{Code: "owner_stays", Detail: "The owner stays: only the owner or an administrator disconnects them, and nobody bans them from their own webinar."}
	ErrNotCompleted      = &webinar.Denial{Code: "removal_taken_back", Detail: "This removal, or its ban, was taken back, or another one followed."}
	ErrNotUndoable       = &webinar.Denial{Code: "not_undoable", Detail: "That cannot be undone, or was undone already."}
	ErrNoSchedule        = &webinar.Denial{Code: "not_recurring", Detail: "This webinar does not take place again."}
	ErrNoSuchAccount     = &webinar.Denial{Code: "account_not_found", Detail: "There is no such account."}
	ErrLoginTaken        = &webinar.Denial{Code: "login_taken", Detail: "Another account has this login."}
	ErrIdentityTaken     = &webinar.Denial{Code: "identity_taken", Detail: "Another account belongs to this identity."}
	ErrLastAdministrator = &webinar.Denial{Code: "last_administrator", Detail: "This is the last administrator; make another one first."}
	ErrNoSuchNode        = &webinar.Denial{Code: "node_not_found", Detail: "There is no such node."}
	ErrNodeRemoved       = &webinar.Denial{Code: "node_removed", Detail: "This node was removed from the cluster."}
	ErrNoSuchWebhook     = &webinar.Denial{Code: "webhook_not_found", Detail: "There is no such webhook."}
	ErrRotationRuns      = &webinar.Denial{Code: "rotation_running", Detail: "The gossip key is being changed already."}
	ErrStaleRotation     = &webinar.Denial{Code: "stale_rotation", Detail: "The gossip key has been changed in the meantime."}
	ErrWrongSignature    = &webinar.Denial{Code: "wrong_signature", Detail: "This is not the audit log that is signed here, or an older part of it."}
)

// Bounds of what the state holds, so that nobody fills a node's memory. A year of
// webinars of a large organisation stays far below them.
const (
	maxWebinars   = 100_000
	maxInvites    = 10_000 // in a webinar
	maxBans       = 10_000
	maxRemovals   = 10_000 // the oldest make room
	maxStreams    = 64
	maxAPITokens  = 1_000
	maxJoinTokens = 1_000
	maxRequests   = 10_000 // the oldest make room
	maxKeys       = 32     // of one session
	maxSeen       = 1_000  // sessions in one ban
	maxScopes     = 32
	maxID         = 64
	maxCA         = 8 << 10

	maxRegistrants  = 200_000 // of a webinar, whatever their status
	maxParticipants = 20_000  // of a webinar, about whom something was decided
	maxStays        = 200_000 // in the attendance of a webinar
	maxAttendance   = 2_000_000
	maxAccounts     = 100_000
	maxNodes        = 10_000 // with those that were removed
	maxWebhooks     = 1_000
	maxMails        = 200_000 // who comes later gets none: the link is on the page too
	maxBatch        = 500     // invites, registrants or stays in one command
	maxAdmitted     = 1_000   // visitors in one command
	maxSealed       = 16 << 10
)

func tooMany(what string, n int) error {
	return &webinar.Denial{Code: "too_many_" + what, Detail: fmt.Sprintf("There are already %d %s.", n, strings.ReplaceAll(what, "_", " "))}
}

func invalid(field, detail string) error {
	return &webinar.Denial{Code: "invalid_" + field, Detail: detail}
}

// checkID refuses what is no ID: 1 to 64 letters, digits and _ - . :
func checkID(field, id string) error {
	bad := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_-.:", r)
	}
	if id == "" || len(id) > maxID || strings.ContainsFunc(id, bad) {
		return invalid(field, fmt.Sprintf("The %s has 1 to %d letters, digits and _ - . :", field, maxID))
	}
	return nil
}

// checkOptionalID is checkID for what may be empty.
func checkOptionalID(field, id string) error {
	if id == "" {
		return nil
	}
	return checkID(field, id)
}

// checkSealed refuses more than a form's worth of sealed bytes.
func checkSealed(field string, b []byte) error {
	if len(b) > maxSealed {
		return invalid(field, fmt.Sprintf("The %s has up to %d bytes.", field, maxSealed))
	}
	return nil
}

// checkBatch refuses a command about nobody, or about too many at once.
func checkBatch(field string, n, most int) error {
	if n == 0 || n > most {
		return invalid(field, fmt.Sprintf("There are 1 to %d %s at once.", most, field))
	}
	return nil
}

// checkText refuses what does not fit on one line of 200 characters.
func checkText(field, s string, required bool) error {
	if webinar.CheckName(s) != nil || required && strings.TrimSpace(s) == "" {
		return invalid(field, fmt.Sprintf("The %s has up to %d characters, on one line.", field, webinar.MaxText))
	}
	return nil
}

func checkHash(field string, b []byte) error {
	if hash, ok := hash32(b); !ok || hash == [32]byte{} {
		return invalid(field, fmt.Sprintf("The %s is a SHA-256.", field))
	}
	return nil
}

func checkKeys(k *controlpb.Keys) (webinar.Keys, error) {
	keys, ok := webinar.ParseKeys(k.GetKeys())
	if !ok || len(keys) > maxKeys {
		return nil, invalid("keys", fmt.Sprintf("A session has up to %d identity keys, each kind:value.", maxKeys))
	}
	return keys, nil
}

func checkEnvelope(c *controlpb.Command) error {
	if err := checkText("principal", c.GetPrincipal(), false); err != nil {
		return err
	}
	if c.GetRequestId() != "" {
		if err := checkText("request_id", c.GetRequestId(), true); err != nil {
			return err
		}
	}
	if len(c.GetRequestDigest()) > 32 {
		return invalid("request_digest", "A digest has up to 32 bytes.")
	}
	return nil
}

// first returns the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
