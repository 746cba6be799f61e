package web_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"stentor/control/api"
	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// TestAHostFromRightToLeft plans a webinar and runs it in Arabic, on a phone and on a desk: nothing is wider than the window,
// nothing breaks WCAG 2.2 AA, and what a person typed in another script keeps its own direction.
func TestAHostFromRightToLeft(t *testing.T) {
	p := servePlanned(t)
	w := ask[client.Webinar](p, "POST", "/webinars", `{"title":"Tides and moons","lobby":"guests"}`)
	began := time.Now().Add(-time.Hour)
	p.mu.Lock()
	for _, name := range []string{"Ada Lovelace", "ليلى", "Grace Hopper"} {
		p.inside = append(p.inside, api.Present{ID: "p_" + name[:2], Name: name, Role: webinar.Attendee, Guest: true, Node: "n1", Since: time.Now(), Uses: []string{"watch"}, Waiting: name == "Grace Hopper"})
	}
	p.mu.Unlock()
	p.command(&controlpb.Command{Kind: &controlpb.Command_ReportAttendance{ReportAttendance: &controlpb.ReportAttendance{Webinar: w.ID, Node: "n1", Attendance: []*controlpb.Attendance{
		{Id: "s_1", Participant: "p_Ad", Role: "attendee", Guest: true, Joined: began.UnixNano(), Left: began.Add(30 * time.Minute).UnixNano()},
	}}}})
	host := newBrowser(t).open("arabic-host")
	host.do("open", chromedp.Navigate(p.url+"/host?lang=ar#token="+p.token))
	host.until("the list, from right to left", `document.dir === "rtl" && document.querySelector(".row-link") && getComputedStyle(document.querySelector(".row-link bdi")).direction === "ltr"`)
	host.pictures("list")

	host.click("#new")
	host.fill("#title", "المد والجزر")
	host.pictures("general")
	host.click("#plan-tab-registration")
	host.click("#instead")
	host.click("#add-field")
	host.seen("registration")
	host.click("#plan-save")
	host.until("what is missing has the focus", `document.activeElement.matches(".asked-field input")`)
	host.seen("missing")
	host.click("#plan-tab-advanced")
	host.seen("advanced")

	host.do("open", chromedp.Navigate(p.url+"/host?lang=ar#/webinars/"+w.ID))
	host.until("who is inside, and who waits", `document.querySelectorAll("#participants li").length === 2 && document.querySelectorAll("#lobby li").length === 1`)
	host.pictures("live")
	menu := host.openMenu("#participants", "Ada Lovelace", "ban")
	host.until("the menu is under its button, inside the window", `(() => {
		const [m, b] = ["[role=menu]", "#participants [aria-expanded=true]"].map((s) => document.querySelector(s).getBoundingClientRect());
		return m.left >= 0 && m.right <= innerWidth && m.bottom <= innerHeight && m.left <= b.right && m.right >= b.left;
	})()`)
	host.seen("menu")
	host.do("choose", chromedp.Click(menu))
	host.until("the question", `document.querySelector("dialog .danger")`)
	host.pictures("ban")
	host.click("dialog .danger")
	host.click("dialog .row.end .primary")
	host.until("in the list of those who are gone", `document.querySelectorAll("#unconnected li").length === 1`)
	host.click("#records-link")
	host.until("how long they were inside", `document.querySelector("#attendance tr")?.textContent.includes("30")`)
	host.pictures("attendance")
	host.click("#records-tab-audit")
	host.until("what was done", `document.querySelector("#audit button")`)
	host.seen("audit")
}
