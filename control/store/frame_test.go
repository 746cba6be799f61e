package store

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
)

// What is put together from encoded changes is the message that protobuf would write.
func TestChangesThatAreEncodedOnceMakeTheSameMessage(t *testing.T) {
	record := &controlpb.Record{Kind: &controlpb.Record_Node{Node: &controlpb.NodeRecord{Node: "n1", Epoch: 7}}}
	for _, tt := range []struct {
		name    string
		changes []*controlpb.Change
	}{
		{"none", nil},
		{"an empty one", []*controlpb.Change{{}}},
		{"one", []*controlpb.Change{{Index: 3, Time: 9, Puts: []*controlpb.Record{record}}}},
		{"several, one of them long", []*controlpb.Change{
			{Index: 3}, {Index: 1 << 40, Puts: make([]*controlpb.Record, 0)},
			{Index: 5, Deletes: []*controlpb.RecordKey{{Kind: 2, Webinar: string(make([]byte, 300)), Id: "x"}}},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var want, got bytes.Buffer
			m := &controlpb.WatchMessage{Kind: &controlpb.WatchMessage_Changes{Changes: &controlpb.WatchChanges{Changes: tt.changes}}}
			if err := writeMessage(&want, m); err != nil {
				t.Fatal(err)
			}
			var body []byte
			for _, c := range tt.changes {
				b, err := proto.Marshal(c)
				if err != nil {
					t.Fatal(err)
				}
				body = appendChange(body, b)
			}
			if got.Write(frameChanges(body)); !bytes.Equal(got.Bytes(), want.Bytes()) {
				t.Fatalf("%x is not %x", got.Bytes(), want.Bytes())
			}
			var back controlpb.WatchMessage
			if err := readMessage(&got, &back, maxMessage); err != nil || !proto.Equal(&back, m) {
				t.Errorf("read back: %v %v", &back, err)
			}
		})
	}
}
