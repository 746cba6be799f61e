package control

import (
	"errors"
	"testing"
	"time"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// A banned registrant who cancels and signs up again with the same address is the same
// person.
func TestS64SigningUpAgainLiftsNoBan(t *testing.T) {
	l := newLog2(t)
	c := create("w_1")
	c.GetCreateWebinar().Pin, c.GetCreateWebinar().Registration = nil, &controlpb.Registration{Window: "always"}
	l.must(c)
	l.must(register("w_1", "g_1"))
	l.must(disconnect("w_1", "p_g_1", []string{"registration:g_1"}, &controlpb.NewBan{Id: "b_1"}))
	l.must(decide("w_1", "cancel", "g_1"))
	again := register("w_1", "g_2")
	again.GetRegister().EmailHash = register("w_1", "g_1").GetRegister().GetEmailHash()
	if r := l.apply(again); !errors.Is(r.Err, webinar.ErrBanned) {
		t.Errorf("the same address: %v", r.Err)
	}
	l.must(register("w_1", "g_3"))
	l.must(liftBan("w_1", "b_1"))
	again.GetRegister().Id = "g_4"
	if r := l.apply(again); r.Err != nil {
		t.Errorf("after the ban was lifted: %v", r.Err)
	}
}

// What a webinar knew of people is gone after its retention, and a removal afterwards
// brings nothing back.
func TestM14ARemovalAfterTheRetentionKeepsNothing(t *testing.T) {
	l := newLog2(t)
	l.must(create("w_1"))
	l.must(end("w_1"))
	for at := l.s.Time(); !l.s.Webinar("w_1").Expired; at = at.Add(24 * time.Hour) {
		if at.After(start.Add(400 * 24 * time.Hour)) {
			t.Fatal("it never expires")
		}
		tick := &controlpb.Command{ProposedAt: at.UnixNano(), Kind: &controlpb.Command_Tick{Tick: &controlpb.Tick{}}}
		l.must(tick)
	}
	l.must(disconnect("w_1", "p_1", []string{"prefix:192.0.2.1/32", "device:abc"}, nil))
	if r, ok := l.s.Webinar("w_1").Removal("p_1"); !ok || r.Name != "" || len(r.Keys) != 0 {
		t.Errorf("it keeps %q, %v", r.Name, r.Keys)
	}
}

// What could not be read back from a snapshot does not get into the state.
func TestAFormThatIsTooLargeIsRefused(t *testing.T) {
	l := newLog2(t)
	c := create("w_1")
	c.GetCreateWebinar().Pin = nil
	l.must(c)
	long := make([]byte, 190)
	for i := range long {
		long[i] = 'x'
	}
	g := &controlpb.Registration{Window: "always"}
	for i := range 50 {
		f := &controlpb.Field{Id: string(rune('a'+i%26)) + string(rune('a'+i/26)), Label: "Field", Type: "choice"}
		for j := range 100 {
			f.Options = append(f.Options, string(long)+string(rune('a'+j%26))+string(rune('a'+j/26)))
		}
		g.Fields = append(g.Fields, f)
	}
	edit := &controlpb.Command{Kind: &controlpb.Command_EditWebinar{EditWebinar: &controlpb.EditWebinar{
		Webinar: "w_1", Settings: &controlpb.Settings{Registration: g}, Mask: []string{"registration"}}}}
	var denial *webinar.Denial
	if r := l.apply(edit); !errors.As(r.Err, &denial) || denial.Code == "" {
		t.Errorf("a form of a megabyte: %v", r.Err)
	}
}
