package node

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"stentor/cluster/pki"
	"stentor/control"
	"stentor/control/controlpb"
	controlstore "stentor/control/store"
)

// An edge that somebody captured may say in the log only what is its own.
func TestAnEdgeProposesOnlyForItself(t *testing.T) {
	edge := pki.Identity{Node: "e1", Role: pki.Edge}
	tests := []struct {
		name string
		c    *controlpb.Command
		may  bool
	}{
		{"a stream of its own publisher", &controlpb.Command{Principal: "p_1", Kind: &controlpb.Command_ClaimStream{ClaimStream: &controlpb.ClaimStream{Node: "e1", Participant: "p_1"}}}, true},
		{"in a host's name", &controlpb.Command{Principal: "ada", Kind: &controlpb.Command_ClaimStream{ClaimStream: &controlpb.ClaimStream{Node: "e1", Participant: "p_1"}}}, false},
		{"another's stream", &controlpb.Command{Principal: "p_1", Kind: &controlpb.Command_ClaimStream{ClaimStream: &controlpb.ClaimStream{Node: "e2", Participant: "p_1"}}}, false},
		{"its own incarnation", &controlpb.Command{Kind: &controlpb.Command_RegisterNode{RegisterNode: &controlpb.RegisterNode{Node: "e1", Role: "edge"}}}, true},
		{"another's incarnation", &controlpb.Command{Kind: &controlpb.Command_RegisterNode{RegisterNode: &controlpb.RegisterNode{Node: "e2", Role: "edge"}}}, false},
		{"itself as a voter", &controlpb.Command{Kind: &controlpb.Command_RegisterNode{RegisterNode: &controlpb.RegisterNode{Node: "e1", Role: "voter"}}}, false},
		{"seats for itself", &controlpb.Command{Kind: &controlpb.Command_AcquireSeats{AcquireSeats: &controlpb.AcquireSeats{Node: "e1"}}}, true},
		{"seats for another", &controlpb.Command{Kind: &controlpb.Command_AcquireSeats{AcquireSeats: &controlpb.AcquireSeats{Node: "e2"}}}, false},
		{"seats of another", &controlpb.Command{Kind: &controlpb.Command_ReturnSeats{ReturnSeats: &controlpb.ReturnSeats{Node: "e2"}}}, false},
		{"who sits at another", &controlpb.Command{Kind: &controlpb.Command_ReportSeats{ReportSeats: &controlpb.ReportSeats{Node: "e2"}}}, false},
		{"a seat moved to another", &controlpb.Command{Kind: &controlpb.Command_TransferSeat{TransferSeat: &controlpb.TransferSeat{Node: "e2"}}}, false},
		{"guesses for itself", &controlpb.Command{Kind: &controlpb.Command_AcquireGuesses{AcquireGuesses: &controlpb.AcquireGuesses{Node: "e1"}}}, true},
		{"another's promise", &controlpb.Command{Kind: &controlpb.Command_RenewLease{RenewLease: &controlpb.RenewLease{Node: "e2"}}}, false},
		{"a ban", &controlpb.Command{Kind: &controlpb.Command_Disconnect{Disconnect: &controlpb.Disconnect{}}}, false},
		{"an account", &controlpb.Command{Kind: &controlpb.Command_CreateAccount{CreateAccount: &controlpb.CreateAccount{}}}, false},
		{"a token", &controlpb.Command{Kind: &controlpb.Command_CreateApiToken{CreateApiToken: &controlpb.CreateAPIToken{}}}, false},
		{"stays, which voters seal", &controlpb.Command{Kind: &controlpb.Command_ReportAttendance{ReportAttendance: &controlpb.ReportAttendance{Node: "e1"}}}, false},
		{"nothing", &controlpb.Command{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := proto.Marshal(tt.c)
			if err != nil {
				t.Fatal(err)
			}
			body, err := proto.Marshal(&controlpb.Request{Kind: &controlpb.Request_Command{Command: c}})
			if err != nil {
				t.Fatal(err)
			}
			if may := mayPropose(edge, body, control.NewState()); may != tt.may {
				t.Errorf("an edge may: %t", may)
			}
			if !mayPropose(pki.Identity{Node: "n1", Role: pki.Voter}, body, control.NewState()) {
				t.Error("a voter may not")
			}
		})
	}
	body, err := proto.Marshal(&controlpb.Request{Kind: &controlpb.Request_Beat{Beat: &controlpb.Beat{}}})
	if err != nil || !mayPropose(edge, body, control.NewState()) {
		t.Errorf("an edge may not ask how far the log is: %v", err)
	}
}

func FuzzMayPropose(f *testing.F) {
	f.Add([]byte{10, 2, 8, 1})
	f.Fuzz(func(t *testing.T, body []byte) {
		mayPropose(pki.Identity{Node: "e1", Role: pki.Edge}, body, control.NewState())
	})
}

// What another node will not take from this one, it will not take the next time either; who
// asked would wait in vain for ten seconds.
func TestWhatAProposalIsAnsweredWith(t *testing.T) {
	tests := []struct {
		name      string
		status    int
		forbidden bool
	}{
		{"a node that may not", http.StatusForbidden, true},
		{"a node that is no voter", http.StatusMisdirectedRequest, false},
		{"a voter without a leader", http.StatusServiceUnavailable, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := &Node{electors: answers(func(r *http.Request) *http.Response {
				return &http.Response{StatusCode: tt.status, Body: io.NopCloser(strings.NewReader("no")), Request: r}
			})}
			_, err := n.forward(t.Context(), "n1", nil)
			if err == nil || errors.Is(err, controlstore.ErrForbidden) != tt.forbidden {
				t.Errorf("the answer is %v", err)
			}
		})
	}
}

type answers func(*http.Request) *http.Response

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) { return a(r), nil }
