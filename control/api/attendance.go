package api

import (
	"context"
	"fmt"
	"time"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/personal"
)

func (a *API) attendance() {
	add(a, "list-attendance", a.listAttendance)
	add(a, "export-attendance", a.exportAttendance)
}

// viewAttendance shows one stay. The name is empty once it was deleted, or if nobody can
// open it.
func (a *API) viewAttendance(r *controlpb.AttendanceRecord) client.Attendance {
	s := r.GetAttendance()
	v := client.Attendance{
		ID: s.GetId(), Participant: s.GetParticipant(), Role: s.GetRole(), Guest: s.GetGuest(), Node: r.GetNode(),
		JoinedAt: time.Unix(0, s.GetJoined()).UTC(), Registration: s.GetRegistration(), Invite: s.GetInvite(), Account: s.GetAccount(),
	}
	if s.GetLeft() != 0 {
		left := time.Unix(0, s.GetLeft()).UTC()
		v.LeftAt = &left
	}
	var who personal.Named
	if len(s.GetSealed()) == 0 {
		return v
	}
	if err := a.Keeper.Open(r.GetWebinar(), s.GetId(), s.GetSealed(), &who); err != nil {
		a.Logger.Error("a name cannot be read", "webinar", r.GetWebinar(), "stay", s.GetId(), "err", err)
	}
	v.Name = who.Name
	return v
}

type listAttendanceAnswer struct{ Body client.AttendanceList }

func (a *API) listAttendance(ctx context.Context, in *listInput) (*listAttendanceAnswer, error) {
	s := a.Store.State()
	w, err := a.find(s, principal(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	page, next, err := cutSeq(in.Paged, "attendance", s.Attendance(w.ID), func(r *controlpb.AttendanceRecord) string {
		return r.GetAttendance().GetId()
	})
	if err != nil {
		return nil, err
	}
	items := make([]client.Attendance, len(page))
	for i, r := range page {
		items[i] = a.viewAttendance(r)
	}
	return &listAttendanceAnswer{client.AttendanceList{Items: items, Next: next}}, nil
}

// exportAttendance writes one line for each stay.
func (a *API) exportAttendance(ctx context.Context, in *exportInput) (*csvAnswer, error) {
	s := a.Store.State()
	w, err := a.find(s, principal(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	head := []string{"participant", "name", "role", "guest", "node", "joined_at", "left_at", "seconds", "registration", "invite", "account"}
	return answerCSV(fmt.Sprintf("attendance-%s.csv", w.ID), head, func(yield func([]string) bool) {
		for r := range s.Attendance(w.ID) {
			v := a.viewAttendance(r)
			seconds := ""
			if v.LeftAt != nil {
				seconds = fmt.Sprint(int64(v.LeftAt.Sub(v.JoinedAt) / time.Second))
			}
			line := []string{v.Participant, v.Name, v.Role, csvBool(v.Guest), v.Node, csvTime(&v.JoinedAt), csvTime(v.LeftAt), seconds, v.Registration, v.Invite, v.Account}
			if !yield(line) {
				return
			}
		}
	}), nil
}
