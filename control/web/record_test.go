package web_test

import (
	"bytes"
	"strings"
	"testing"

	"stentor/control/client"
)

// TestHostRecordsAndEverybodyIsTold clicks the switch: the guest's page says so at once, the file is listed and can be
// downloaded, and the notice goes with the end of the recording.
func TestHostRecordsAndEverybodyIsTold(t *testing.T) {
	c := gather(t)
	c.guest.until("nothing is said before", `document.querySelector("#recorded").textContent === ""`)
	c.host.click("#record")
	c.guest.until("the guest is told", `document.querySelector("#recorded").textContent === "Being recorded"`)
	c.host.until("files grow", `document.querySelectorAll("#recordings li").length === 2`)
	if err := c.api.WriteCaption(t.Context(), c.webinar.ID, client.WriteCaption{Language: "de", Text: "Salz & <b>Wasser</b>", Key: "1"}); err != nil {
		t.Fatal(err)
	}
	c.host.until("captions are among the files", `document.querySelector("#recordings").textContent.includes("Captions · German · still growing")`)
	c.host.accessible("a recording grows")
	c.guest.accessible("recorded")
	c.host.click("#record")
	c.guest.until("the notice goes", `document.querySelector("#recorded").textContent === ""`)
	list, err := c.api.Recordings(t.Context(), c.webinar.ID)
	if err != nil || len(list.Items) != 1 || len(list.Items[0].Files) != 3 {
		t.Fatalf("the list is %+v, %v", list, err)
	}
	c.host.until("the files are whole", `!document.querySelector("#recordings").textContent.includes("growing")`)
	c.host.accessible("whole files")
	for _, f := range list.Items[0].Files {
		var got bytes.Buffer
		err := c.api.RecordedFile(t.Context(), c.webinar.ID, list.Items[0].ID, list.Items[0].Node, f.Name, &got)
		if f.Track == "captions" {
			if all := got.String(); err != nil || !strings.HasPrefix(all, "WEBVTT\n\n00:") || !strings.HasSuffix(strings.TrimSpace(all), "\nSalz &amp; &lt;b&gt;Wasser&lt;/b&gt;") {
				t.Errorf("%s: %v\n%s", f.Name, err, all)
			}
		} else if err != nil || got.Len() < 100 {
			t.Errorf("%s: %d bytes, %v", f.Name, got.Len(), err)
		}
	}
	c.host.click("#recordings li:last-child button")
	c.host.until("they are loaded", `!document.querySelector("#recordings li:last-child button").disabled && !document.querySelector("#recordings ~ [role=alert]")?.textContent`)
}
