package control

import (
	"testing"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// Whoever applies a change deletes first and puts then; so of each key a change says
// only what its command did last.
func TestAChangeSaysWhatWasDoneLast(t *testing.T) {
	seat := func(node string) *controlpb.Record {
		return seatRecord("w_1", webinar.Seat{Participant: "p_1", Node: node})
	}
	key := KeyOf(seat("n1"))
	put := func(node string) func(*draft) error { return func(d *draft) error { return d.put(seat(node)) } }
	remove := func(d *draft) error { return d.remove(key) }
	tests := []struct {
		name  string
		steps []func(*draft) error
		node  string // where the seat is after it; empty: nowhere
	}{
		{"put", []func(*draft) error{put("n1")}, "n1"},
		{"put twice", []func(*draft) error{put("n1"), put("n2")}, "n2"},
		{"put and deleted", []func(*draft) error{put("n1"), remove}, ""},
		{"deleted and put", []func(*draft) error{remove, put("n2")}, "n2"},
		{"put, deleted, put", []func(*draft) error{put("n1"), remove, put("n2")}, "n2"},
		{"put, deleted, put, deleted", []func(*draft) error{put("n1"), remove, put("n2"), remove}, ""},
		{"deleted twice", []func(*draft) error{remove, remove}, ""},
	}
	for _, there := range []bool{false, true} {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				s := NewState()
				index := uint64(1)
				for _, c := range []*controlpb.Command{{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: 2}}}, create("w_1")} {
					s, _ = s.Apply(index, c)
					index++
				}
				if there {
					next := *s
					if err := next.put(seat("n9")); err != nil {
						t.Fatal(err)
					}
					s = &next
				}
				d := &draft{next: *s, c: &controlpb.Command{}, change: Change{Index: index}}
				for _, step := range tt.steps {
					if err := step(d); err != nil {
						t.Fatal(err)
					}
				}
				d.next.advance(index, d.at)
				replica, err := s.ApplyChange(d.settle())
				if err != nil {
					t.Fatal(err)
				}
				got, _ := replica.Webinar("w_1").Seat("p_1")
				if replica.Hash() != d.next.Hash() || got.Node != tt.node {
					t.Errorf("the replica has the seat at %q, want %q", got.Node, tt.node)
				}
			})
		}
	}
}

// A record that is put again stands where it was put first: a webinar before what
// belongs to it.
func TestAChangeKeepsItsOrder(t *testing.T) {
	s := NewState()
	d := &draft{next: *s, c: &controlpb.Command{}, change: Change{Index: 1}}
	own := &controlpb.Record{Kind: &controlpb.Record_Webinar{Webinar: &controlpb.WebinarRecord{Id: "w_1", Link: "l", Version: 1}}}
	again := &controlpb.Record{Kind: &controlpb.Record_Webinar{Webinar: &controlpb.WebinarRecord{Id: "w_1", Link: "l", Version: 2}}}
	for _, r := range []*controlpb.Record{own, seatRecord("w_1", webinar.Seat{Participant: "p_1", Node: "n1"}), again} {
		if err := d.put(r); err != nil {
			t.Fatal(err)
		}
	}
	c := d.settle()
	if len(c.Puts) != 2 || c.Puts[0].GetWebinar().GetVersion() != 2 {
		t.Fatalf("%v", c.Puts)
	}
	if _, err := s.ApplyChange(c); err != nil {
		t.Error(err)
	}
}
