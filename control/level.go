package control

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"stentor/control/controlpb"
)

// firstOfLevel2 is the number of the first kind of command that came with feature level
// 2; those before it may have newer fields, which newFields finds.
const firstOfLevel2 = 31

// firstOfLevel3 is the first one of feature level 3, which also brought the field completes
// of a removal, and the setting embed_origins.
const firstOfLevel3 = 61

// levelOf returns the feature level that a cluster must have for c: what its proposer
// says, or what its kind and fields need. A node of level 1 would pass over a field that
// it does not know, and hold another state than the others.
func levelOf(c *controlpb.Command) uint32 {
	level := c.GetMinFeatureLevel()
	if kindOf(c) >= firstOfLevel2 || newFields(c) {
		level = max(level, 2)
	}
	if kindOf(c) >= firstOfLevel3 || c.GetDisconnect().GetCompletes() != 0 || embeds(c) {
		level = max(level, 3)
	}
	return level
}

// newFields reports whether a command of a kind of level 1 has a field of level 2.
func newFields(c *controlpb.Command) bool {
	switch k := c.GetKind().(type) {
	case *controlpb.Command_CreateWebinar:
		return k.CreateWebinar.GetSettings() != nil || anyField(k.CreateWebinar.GetRegistration())
	case *controlpb.Command_SetPin:
		return k.SetPin.GetAskAgain()
	case *controlpb.Command_CreateInvite:
		i := k.CreateInvite
		return i.GetAccount() != "" || len(i.GetSealed()) > 0 || i.GetMail()
	case *controlpb.Command_LiftBan:
		return k.LiftBan.GetUndoes() != 0
	}
	return false
}

// settingsOfLevel2 is how many settings there were before feature level 3, and so how many names an edit's mask could have.
const settingsOfLevel2 = 14

// embeds reports whether a command is about who may show a webinar in a frame, or has a mask that only those who know
// that setting take.
func embeds(c *controlpb.Command) bool {
	mask := c.GetEditWebinar().GetMask()
	return len(c.GetCreateWebinar().GetSettings().GetEmbedOrigins()) > 0 || len(mask) > settingsOfLevel2 || slices.Contains(mask, embedOrigins)
}

// anyField reports whether something is set in a registration, which had no fields in
// level 1.
func anyField(r *controlpb.Registration) bool {
	found := false
	r.ProtoReflect().Range(func(protoreflect.FieldDescriptor, protoreflect.Value) bool {
		found = true
		return false
	})
	return found
}
