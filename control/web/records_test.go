package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"stentor/control/api"
	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// TestHostInvitesAList pastes two hundred and more people, some of them nobody, and takes the file of links.
func TestHostInvitesAList(t *testing.T) {
	p := servePlanned(t)
	w := ask[client.Webinar](p, "POST", "/webinars", `{"title":"Tides"}`)
	lines := []string{"Ada Lovelace <ada@example.org>", "Grace Hopper, grace@example.org", "mary@example.org", "=cmd|'/c calc'!A1; evil@example.org", "Ada L. <ADA@example.org>", "@nobody", "<img src=x onerror=alert(1)>"}
	for i := range 200 {
		lines = append(lines, fmt.Sprintf("Guest %d\tguest%d@example.org", i, i))
	}
	host := newBrowser(t).open("list")
	host.do("open", chromedp.Navigate(p.url+"/host#token="+p.token))
	host.click(".row-link")
	host.click("#invite-list")
	host.value("#list-text", strings.Join(lines, "\n"))
	host.says("Understood: 205")
	host.says("Not understood (1), and left out: @nobody")
	host.pictures("preview")
	host.do("take what is saved", chromedp.Evaluate[chromedp.Void](`(() => { const make = URL.createObjectURL; URL.createObjectURL = (b) => { window.taken = b; return make(b); }; })()`))
	host.click("#list-make")
	host.until("all are made", `document.querySelector("dialog #list-csv")`)
	host.seen("made")
	host.click("#list-csv")
	host.until("the file has a link for each, and no formula", `await (async () => {
		const rows = (await window.taken.text()).trim().split("\r\n");
		return rows.length === 206 && rows.slice(1).every((r) => /#invite=sti_[\w-]{43}"$/.test(r)) && rows.some((r) => r.startsWith('"\'=cmd')) && rows[1].startsWith('"Ada Lovelace","ada@example.org"');
	})()`)
	invites := ask[client.Invites](p, "GET", "/webinars/"+w.ID+"/invites?limit=200", "")
	if len(invites.Items) != 200 || invites.Next == "" {
		t.Errorf("there are %d invites", len(invites.Items))
	}
}

// TestHostReadsTheRecords looks at who was inside, and undoes a ban from the log (M11).
func TestHostReadsTheRecords(t *testing.T) {
	p := servePlanned(t)
	w := ask[client.Webinar](p, "POST", "/webinars", `{"title":"Tides"}`)
	p.mu.Lock()
	p.inside = append(p.inside, api.Present{ID: "p_ada", Name: "Ada", Role: webinar.Attendee, Guest: true, Node: "n1", Since: time.Now(), Uses: []string{"watch"}})
	p.mu.Unlock()
	began := time.Now().Add(-time.Hour)
	p.command(&controlpb.Command{Kind: &controlpb.Command_ReportAttendance{ReportAttendance: &controlpb.ReportAttendance{Webinar: w.ID, Node: "n1", Attendance: []*controlpb.Attendance{
		{Id: "s_1", Participant: "p_ada", Role: "attendee", Guest: true, Joined: began.UnixNano(), Left: began.Add(30 * time.Minute).UnixNano()},
	}}}})
	ask[client.Disconnected](p, "POST", "/webinars/"+w.ID+"/participants/p_ada/disconnect", `{"ban":true}`)
	host := newBrowser(t).open("records")
	host.do("open", chromedp.Navigate(p.url+"/host#token="+p.token))
	host.click(".row-link")
	host.click("#records-link")
	host.says("People: 1, stays: 1")
	host.until("how long they were inside", `document.querySelector("#attendance tr").textContent.includes("30")`)
	host.pictures("attendance")
	host.click("#records-tab-audit")
	host.says("Removed, and may not rejoin")
	host.pictures("audit")
	host.click(`#audit button[aria-label="Undo: Removed, and may not rejoin"]`)
	host.click("dialog .primary")
	host.until("undone, and both stand in the log", `!document.querySelector("#audit button") && document.getElementById("audit").textContent.includes("Invited again") || document.getElementById("audit").textContent.includes("Ban lifted")`)
	if bans := ask[client.Bans](p, "GET", "/webinars/"+w.ID+"/bans", ""); len(bans.Items) != 0 {
		t.Errorf("bans are left: %+v", bans.Items)
	}
}
