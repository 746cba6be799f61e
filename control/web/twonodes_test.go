package web_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"stentor/control/client"
)

// TestTheTalkOverTwoNodes has a guest at a voter and one at an edge, and a host at the edge: what one of them says, asks,
// votes and raises is seen by the others.
func TestTheTalkOverTwoNodes(t *testing.T) {
	c := newCrowd(t)
	edge := &crowd{realNode: c.edge("e1"), webinar: c.webinar}
	browser := newBrowser(t)
	ada, bob, host := browser.open("two-ada"), browser.open("two-bob"), browser.open("two-host")
	c.enter(ada, "Ada Lovelace")
	edge.enter(bob, "Bob")
	bob.until("at the edge", fmt.Sprintf(`stentor.node === %q && document.querySelector("#talk-text")`, edge.url))
	host.do("open", chromedp.Navigate(edge.url+"/host#token="+c.token))
	host.click(".row-link")

	for _, way := range [][2]*tab{{ada, bob}, {bob, ada}} {
		line := "Hello from " + way[0].name
		way[0].fill("#talk-text", line)
		way[0].click("#talk-send")
		way[1].until(line, fmt.Sprintf(`[...document.querySelectorAll(".talk-lines .talk-text")].some((l) => l.textContent === %q)`, line))
	}
	ada.click("#hand")
	host.until("the hand is seen at the other node", `[...document.querySelectorAll("#participants li")].some((li) => li.textContent.includes("Ada Lovelace") && li.querySelector(".hand"))`)

	host.click("#watch") // only who is inside talks
	host.fill("#host-name", "Marie Curie")
	host.click("dialog .primary")
	ada.click("#talk-tab-questions")
	ada.fill("#talk-question", "Why twice a day?")
	ada.click("#talk-ask")
	host.click("#live-tab-questions")
	host.click(".talk-acts .talk-small") // approve
	bob.click("#talk-tab-questions")
	bob.says("Why twice a day?")
	bob.click(".talk-vote")
	ada.until("the vote is counted at the other node", `document.querySelector(".talk-vote")?.textContent.includes("1")`)

	host.click("#live-tab-polls")
	host.click("#talk-make")
	host.fill("#talk-poll", "Tea or coffee?")
	host.fill(".talk-options input:nth-of-type(1)", "Tea")
	host.fill(".talk-options input:nth-of-type(2)", "Coffee")
	host.click("#talk-poll-ask")
	for i, tab := range []*tab{ada, bob} {
		tab.click("#talk-tab-polls")
		tab.click(fmt.Sprintf(".talk-ballot input[value='%d']", i))
		tab.click(".talk-ballot button")
	}
	for _, tab := range []*tab{ada, bob} {
		tab.until("both votes are seen at both nodes", `(document.querySelector(".talk-results")?.innerText.match(/50 % \(1\)/g) ?? []).length === 2`)
	}
}

// TestS21AModeratorRulesFromAnEdge has a moderator come by a personal link at an edge, whose word gives nobody a right over a
// webinar: the host's view opens by the link. Who was made a moderator there reads what opens it.
func TestS21AModeratorRulesFromAnEdge(t *testing.T) {
	c := newCrowd(t)
	edge := &crowd{realNode: c.edge("e1"), webinar: c.webinar}
	browser := newBrowser(t)
	made := browser.open("edge-made")
	edge.enter(made, "Ada Lovelace")
	made.until("inside", `document.querySelector("stentor-stage")`)
	role := "moderator"
	must(c.api.EditParticipant(t.Context(), c.webinar.ID, made.participant(), client.EditParticipant{Role: &role}))
	made.says("The host’s view opens here by a moderator’s personal link")
	made.pictures("hint")

	invite := must(c.api.Invite(t.Context(), c.webinar.ID, client.CreateInvite{Name: "Grace Hopper", Role: "moderator"}))
	moderator := browser.open("edge-moderator")
	moderator.do("open", chromedp.Navigate(edge.url+invite.LinkPath))
	moderator.click("#join button")
	moderator.until("there is a way to the host's view", `document.getElementById("to-host")`)
	moderator.do("keep what is opened", chromedp.Evaluate[chromedp.Void](`(() => { const own = window.open; window.open = (...a) => (window.opened = own.apply(window, a)); })()`))
	moderator.click("#to-host")
	host := func(what, expression string) {
		moderator.until(what, `window.opened && ((document, location) => `+expression+`)(opened.document, opened.location)`)
	}
	host("the webinar is there, at the same edge", fmt.Sprintf(`document.querySelector("h1")?.textContent === "Tides and moons" && location.origin === %q`, edge.url))
	host("with who is inside", `document.querySelector("#participants")?.textContent.includes("Ada Lovelace")`)
	host("nothing secret is in an address", `!location.href.includes("sti_") && [...document.querySelectorAll("a")].every((a) => !a.href.includes("sti_"))`)
	host("a switch is theirs to turn", `(document.getElementById("guests-audio").click(), true)`)
	host("and is turned", `document.body.textContent.includes("Changed.")`)
	moderator.until("the stay on the guest page goes on", `stentor.state !== "gone"`)
	if w := must(c.api.Webinar(t.Context(), c.webinar.ID)); w.Guests.Audio {
		t.Errorf("guests may %+v", w.Guests)
	}
}
