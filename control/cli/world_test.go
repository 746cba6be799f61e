package cli

import (
	"encoding/json"
	"strings"
	"time"

	"stentor/control/client"
)

var march = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// allHands is a webinar whose title steers a terminal.
func allHands() client.Webinar {
	return client.Webinar{
		ID: "w-1", Title: "All hands \x1b[2J\u202e", Mode: "role-based", Link: "4k3", JoinPath: "/w/4k3", State: "planned", Owner: "t-1",
		Guests: client.Permissions{Audio: true, Messages: true}, Lobby: "off", Partition: "keep", RetentionDays: 30,
		Ceilings: []client.Ceiling{}, EmbedOrigins: []string{}, CreatedAt: march, Version: 7,
	}
}

func with(w client.Webinar, changes ...func(*client.Webinar)) client.Webinar {
	for _, change := range changes {
		change(&w)
	}
	return w
}

func open(w *client.Webinar) { w.OpenDoor = true }

func weekly(w *client.Webinar) {
	start := time.Date(2026, 12, 1, 17, 0, 0, 0, time.UTC)
	w.Schedule = &client.Schedule{Start: start, Duration: 5400, Zone: "Europe/Berlin", Rule: "FREQ=WEEKLY", Next: []time.Time{start.AddDate(0, 0, 7)}}
}

func registered(w *client.Webinar) {
	opens, closes := march, march.AddDate(0, 1, 0)
	w.Registration = &client.Registration{
		Window: "interval", OpensAt: &opens, ClosesAt: &closes, Maximum: 100, Approval: true, Waitlist: true, Approved: 99, Pending: 2, Waitlisted: 1,
		Fields: []client.Field{{ID: "company", Label: "Company\x1b", Type: "text", Required: true}, {ID: "job", Label: "Job", Type: "choice", Options: []string{"Engineer", "Manager"}}},
		Reason: "registration_closed", Detail: "Registration closed on 1 April.",
	}
}

// edited is a participant after a change.
func edited(change func(*client.EditedParticipant)) answer {
	p := client.EditedParticipant{ID: "p-1", Name: "Ada\r\nroot", Index: 43}
	change(&p)
	return answer{200, p}
}

func entry(seq uint64, action, subject string, undoable bool) client.AuditEntry {
	return client.AuditEntry{
		Seq: seq, At: march, By: "t-1", Action: action, Webinar: "w-1", Subject: subject, Data: json.RawMessage(`{"strength":"weak"}`), Index: seq + 100,
		Hash: strings.Repeat("ab", 32), Undoable: undoable,
	}
}

// mesh has what a drawing has to cope with: branches, a node that is gone, one
// whose parent did not answer, and names that steer terminals.
func mesh() client.Status {
	hop := func(node, parent string, readers int, bytes, bps uint64, rtt float64) client.Hop {
		role := "relay"
		if parent == "" {
			role = "origin"
		}
		return client.Hop{Node: node, Role: role, Parent: parent, Readers: readers, Bytes: bytes, Packets: bytes / 1200, Bitrate: bps, RTT: rtt, Buffer: 2_100}
	}
	far := hop("n3", "n1", 1, 98_000_000, 19_990_000, 98.6)
	far.Standby, far.Loss, far.Recovered, far.Late, far.Shed = "n2", .0123, 1_204, 3, 1
	certificate := func(name string, life, old time.Duration, soon bool) *client.Certificate {
		return &client.Certificate{Names: []string{name}, Issuer: "stentor", NotBefore: sunday.Add(-old), NotAfter: sunday.Add(life - old), Fingerprint: strings.Repeat("ab12", 16), EndsSoon: soon}
	}
	s := client.Status{
		Node: "n1", Version: "0.2.0", Commit: "abc", Cluster: "demo", Leader: "n2", Term: 3, Index: 42,
		GossipKey: &client.GossipKey{Generation: 7, Phase: "use", Since: march, Current: "0a0b0c0d", Next: "01020304"},
		Nodes: []client.NodeStatus{
			{Node: "n1", Role: "voter", Region: "eu", Version: "0.2.0", URL: "http://127.0.0.1:8081", Alive: true, Load: .034, Index: 42, Sessions: 3},
			{Node: "n2", Role: "voter", Region: "eu", Version: "0.2.0", URL: "http://127.0.0.1:8082", Alive: true, RTT: .31, Index: 42, Staleness: 4},
			{Node: "n3", Role: "edge", Region: "us", Version: "0.1.0", URL: "http://127.0.0.1:8083", Alive: true, Draining: true, Load: 1, RTT: 98.6, Index: 40, Staleness: 12_345, Outdated: true, Sessions: 1200},
			{Node: "n4", Role: "edge", URL: "", Alive: false},
		},
		Tracks: []client.Track{
			{Webinar: "w-1", Stream: "main", Track: "video", Epoch: 17, Hops: []client.Hop{
				hop("n1", "", 3, 123_456_789, 20_150_000, 0),
				hop("n5", "n3", 1, 999, 0, 12),
				far,
				hop("n2", "n1", 2, 1_000, 950, .3),
				hop("n6", "n2", 0, 0, 0, 0),
				hop("n8", "n4", 9, 5, 5, 5),
			}},
			{Webinar: "w-1", Stream: "slides\x1b", Track: "audio", Epoch: 18, Hops: []client.Hop{hop("n1", "n2", 0, 0, 0, 1), hop("n2", "n1", 0, 0, 0, 1)}},
		},
		Unreachable: []string{"n4"},
	}
	s.Authority = certificate("stentor", 20*365*24*time.Hour, time.Hour, false)
	s.Nodes[0].Mesh, s.Nodes[0].Public = certificate("n1", 24*time.Hour, 5*time.Hour, false), certificate("meet.example.org\x1b", 90*24*time.Hour, 80*24*time.Hour, true)
	s.Nodes[1].Mesh, s.Nodes[2].Mesh = certificate("n2", 24*time.Hour, 20*time.Hour, true), certificate("n3", 24*time.Hour, 25*time.Hour, true)
	return s
}

// answers is a server with a bit of everything.
func answers() map[string]answer {
	invite := client.Invite{ID: "i-1", Name: "Ada", Role: "presenter", Email: "ada@example.org", CreatedAt: march, Secret: "sti_x", LinkPath: "/w/4k3#invite=sti_x", WHIPPath: "/whip/4k3/main"}
	listed := invite
	listed.Secret, listed.LinkPath = "", ""
	later := march.Add(90 * time.Minute)
	ada := client.Participant{
		ID: "p-1", Name: "Ada\r\nroot", Role: "presenter", Node: "n1", Since: march, Uses: []string{"publish", "events"}, Stage: true, Hand: &march, StopAudio: true,
	}
	bob := client.Participant{ID: "p-2", Name: "Bob", Role: "attendee", Guest: true, Node: "n3", Since: march.Add(time.Minute), Uses: []string{"watch"}}
	waiting := client.Participant{ID: "p-3", Name: "Eve\u009b2J", Role: "attendee", Guest: true, Waiting: true, Node: "n3", Since: march}
	account := client.Account{ID: "a-1", Login: "ada", Name: "Ada Lovelace", Role: "host", Password: true, CreatedAt: march}
	webhook := client.Webhook{ID: "h-1", Owner: "t-1", URL: "https://example.org/hook", Events: []string{"registrant.registered"}, CreatedAt: march}
	token := client.Token{ID: "t-1", Name: "CI", Scopes: []string{"host", "admin"}, CreatedAt: march, ExpiresAt: &later, By: "t-0"}
	registrant := client.Registrant{ID: "r-1", Status: "pending", CreatedAt: march, FirstName: "Ada", LastName: "=1+1\x1b", Email: "ada@example.org", Fields: map[string][]string{"company": {"Analytical"}}}
	return map[string]answer{
		"POST /api/v1/webinars":                                         {201, with(allHands(), open, func(w *client.Webinar) { w.HasPIN, w.PIN, w.OpenDoor = true, "49275018", false })},
		"GET /api/v1/webinars?limit=100":                                {200, client.Webinars{Items: []client.Webinar{with(allHands(), weekly, registered), with(allHands(), func(w *client.Webinar) { w.ID, w.State, w.Title, w.HasPIN = "w-2", "live", "Next", true })}}},
		"GET /api/v1/webinars?limit=1":                                  {200, client.Webinars{Items: []client.Webinar{allHands()}, Next: "more"}},
		"GET /api/v1/webinars/w-1":                                      {200, with(allHands(), weekly, registered)},
		"GET /api/v1/webinars/w-2":                                      {200, with(allHands(), open, func(w *client.Webinar) { w.ID, w.Description = "w-2", "What we do next." })},
		"PATCH /api/v1/webinars/w-1":                                    {200, with(allHands(), weekly)},
		"POST /api/v1/webinars/w-1/link":                                {200, with(allHands(), func(w *client.Webinar) { w.JoinPath = "/w/9zz" })},
		"POST /api/v1/webinars/w-1/end":                                 {200, with(allHands(), func(w *client.Webinar) { w.State, w.EndedAt = "ended", &later })},
		"PUT /api/v1/webinars/w-1/pin":                                  {200, client.PIN{PIN: "1234", Weak: true, Version: 8}},
		"DELETE /api/v1/webinars/w-1/pin":                               {204, nil},
		"PUT /api/v1/webinars/w-1/registration":                         {200, with(allHands(), registered)},
		"PUT /api/v1/webinars/w-2/registration":                         {200, with(allHands(), registered)},
		"DELETE /api/v1/webinars/w-1/registration":                      {204, nil},
		"POST /api/v1/webinars/w-1/registration/open":                   {200, with(allHands(), registered, func(w *client.Webinar) { w.Registration.Open = true })},
		"POST /api/v1/webinars/w-1/registration/close":                  {200, with(allHands(), registered)},
		"GET /api/v1/webinars/w-1/registrants?limit=100":                {200, client.Registrants{Items: []client.Registrant{registrant}}},
		"GET /api/v1/webinars/w-1/registrants?limit=100&status=pending": {200, client.Registrants{Items: []client.Registrant{registrant}}},
		"GET /api/v1/webinars/w-1/registrants?limit=200&status=pending": {200, client.Registrants{Items: []client.Registrant{registrant}}},
		"GET /api/v1/webinars/w-1/registrants.csv":                      {200, csvText("id,first_name\r\nr-1,'=1+1\x1b[2J\r\n")},
		"POST /api/v1/webinars/w-1/registrants/decide":                  {200, client.DecidedRegistrants{Items: []client.DecidedRegistrant{{ID: "r-1", Status: "approved"}}, Registration: *with(allHands(), registered).Registration}},
		"POST /api/v1/webinars/w-1/invites":                             {201, invite},
		"POST /api/v1/webinars/w-1/invites/batch":                       {201, client.CreatedInvites{Items: []client.Invite{invite, invite}}},
		"GET /api/v1/webinars/w-1/invites?limit=100":                    {200, client.Invites{Items: []client.Invite{listed}}},
		"DELETE /api/v1/webinars/w-1/invites/i-1":                       {204, nil},
		"GET /api/v1/webinars/w-1/participants":                         {200, client.Participants{Unreachable: []string{"n4"}, Items: []client.Participant{ada, bob}}},
		"GET /api/v1/webinars/w-2/participants":                         {200, client.Participants{Items: []client.Participant{}, Unreachable: []string{}}},
		"PATCH /api/v1/webinars/w-1/participants/p-1":                   edited(func(p *client.EditedParticipant) { p.StopAudio, p.Stage, p.Role = true, true, "presenter" }),
		"POST /api/v1/webinars/w-1/participants/p-1/disconnect":         {200, client.Disconnected{Ban: &client.BanMade{ID: "b-1", Strength: "weak"}, Present: true, Index: 43}},
		"POST /api/v1/webinars/w-1/participants/p-2/disconnect":         {200, client.Disconnected{Present: true, Index: 43}},
		"POST /api/v1/webinars/w-1/participants/p-9/disconnect":         {200, client.Disconnected{Index: 44}},
		"POST /api/v1/webinars/w-1/participants/p-1/reinvite":           {200, client.Reinvited{Participant: "p-1", Index: 45}},
		"GET /api/v1/webinars/w-1/unconnected?limit=100":                {200, client.UnconnectedList{Items: []client.Unconnected{{Participant: "p-1", Name: "Ada", By: "t-1", At: march, Banned: true, Bans: []string{"b-1"}}}}},
		"GET /api/v1/webinars/w-1/lobby":                                {200, client.Lobby{Items: []client.Participant{waiting}, Unreachable: []string{}}},
		"POST /api/v1/webinars/w-1/lobby/admit":                         {200, client.Admitted{Participants: []string{"p-3"}, Index: 46}},
		"GET /api/v1/webinars/w-1/bans?limit=100": {200, client.Bans{Items: []client.Ban{
			{ID: "b-1", Participant: "p-1", Name: "Ada", Strength: "weak", Keys: []string{"device", "participant"}, By: "t-1", At: march},
		}}},
		"POST /api/v1/webinars/w-1/captions":        {204, nil},
		"POST /api/v1/webinars/w-1/recording/start": {200, with(allHands(), func(w *client.Webinar) { w.Recording = &client.Recording{ID: "rec-1", Since: march} })},
		"POST /api/v1/webinars/w-1/recording/stop":  {200, allHands()},
		"GET /api/v1/webinars/w-1/recordings": {200, client.Recordings{Unreachable: []string{"n4"}, Items: []client.Recorded{
			{ID: "rec-1", Node: "n1", Problem: "The disk of this node is full.", Files: []client.RecordedFile{
				{Name: "0001-main-video.webm", Path: "/x", Stream: "main", Track: "video", Participant: "p-1", Codec: "video/VP8", Zero: march, First: 200, Last: 61_200, Bytes: 123_456, State: "whole"},
			}},
		}}},
		"GET /api/v1/webinars/w-1/recordings/rec-1/n1/0001-main-video.webm": {200, webm("\x1aE\xdf\xa3")},
		"DELETE /api/v1/webinars/w-1/bans/b-1":                              {204, nil},
		"GET /api/v1/webinars/w-1/attendance?limit=100": {200, client.AttendanceList{Items: []client.Attendance{
			{ID: "s-1", Participant: "p-1", Name: "Ada", Role: "presenter", Node: "n1", JoinedAt: march, LeftAt: &later},
			{ID: "s-2", Participant: "p-2", Name: "Bob", Role: "attendee", Guest: true, Node: "n3", JoinedAt: sunday.Add(-25 * time.Hour)},
		}}},
		"GET /api/v1/webinars/w-1/chat.csv":        {200, csvText("at,kind,name,text\r\n2026-03-01T12:00:00Z,chat,Ada,'=1+1\x1b\r\n")},
		"GET /api/v1/webinars/w-1/attendance.csv":  {200, csvText("participant,name\r\np-1,Ada\r\n")},
		"GET /api/v1/audit?limit=100":              {200, client.Audit{Items: []client.AuditEntry{entry(9, "participant.banned", "p-1", true), entry(8, "webinar.created", "", false)}}},
		"GET /api/v1/webinars/w-1/audit?limit=100": {200, client.Audit{Items: []client.AuditEntry{entry(9, "participant.banned", "p-1\x1b", true)}}},
		"POST /api/v1/webinars/w-1/audit/9/undo":   {200, client.Undone{Seq: 9, Action: "ban.lifted", Index: 47}},
		"POST /api/v1/accounts":                    {201, account},
		"GET /api/v1/accounts?limit=100":           {200, client.Accounts{Items: []client.Account{account, {ID: "a-2", Login: "bob", Role: "member", OIDC: true, Disabled: true, CreatedAt: march}}}},
		"PATCH /api/v1/accounts/a-1":               {200, account},
		"DELETE /api/v1/accounts/a-1":              {204, nil},
		"POST /api/v1/webhooks":                    {201, func() client.Webhook { w := webhook; w.Secret = "whsec_x"; return w }()},
		"GET /api/v1/webhooks?limit=100":           {200, client.Webhooks{Items: []client.Webhook{webhook, {ID: "h-2", Owner: "t-1", Webinar: "w-1", URL: "https://example.org", Events: []string{}, Failures: 3}}}},
		"DELETE /api/v1/webhooks/h-1":              {204, nil},
		"POST /api/v1/tokens":                      {201, func() client.Token { t := token; t.Token = "sta_new"; return t }()},
		"GET /api/v1/tokens?limit=100":             {200, client.Tokens{Items: []client.Token{token}}},
		"DELETE /api/v1/tokens/t-1":                {204, nil},
		"POST /api/v1/join-tokens":                 {201, client.JoinToken{Token: "stj1.a.b", Role: "edge", ExpiresAt: march}},
		"DELETE /api/v1/nodes/n4":                  {204, nil},
		"POST /api/v1/gossip-key/rotate":           {202, client.GossipKey{Generation: 7, Phase: "install", Since: march, Current: "0a0b0c0d", Next: "01020304"}},
		"PUT /api/v1/nodes/n4/drain":               {204, nil},
		"DELETE /api/v1/nodes/n4/drain":            {204, nil},
		"GET /api/v1/status":                       {200, mesh()},
	}
}
