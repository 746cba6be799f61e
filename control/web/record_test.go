package web_test

import "testing"

// TestHostRecordsAndEverybodyIsTold clicks the switch: the guest's page says so at once, the file is listed and can be
// downloaded, and the notice goes with the end of the recording.
func TestHostRecordsAndEverybodyIsTold(t *testing.T) {
	c := gather(t)
	c.guest.until("nothing is said before", `document.querySelector("#recorded").textContent === ""`)
	c.host.click("#record")
	c.guest.until("the guest is told", `document.querySelector("#recorded").textContent === "Being recorded"`)
	c.host.until("files grow", `document.querySelectorAll("#recordings li").length === 2`)
	c.host.accessible("a recording grows")
	c.guest.accessible("recorded")
	c.host.click("#record")
	c.guest.until("the notice goes", `document.querySelector("#recorded").textContent === ""`)
	list, err := c.api.Recordings(t.Context(), c.webinar.ID)
	if err != nil || len(list.Items) != 1 || len(list.Items[0].Files) != 2 {
		t.Fatalf("the list is %+v, %v", list, err)
	}
	c.host.until("the files are whole", `!document.querySelector("#recordings").textContent.includes("growing")`)
	c.host.accessible("whole files")
	for _, f := range list.Items[0].Files {
		var got sized
		if err := c.api.RecordedFile(t.Context(), c.webinar.ID, list.Items[0].ID, list.Items[0].Node, f.Name, &got); err != nil || got < 100 {
			t.Errorf("%s: %d bytes, %v", f.Name, got, err)
		}
	}
}

// sized counts what is written.
type sized int

func (s *sized) Write(b []byte) (int, error) {
	*s += sized(len(b))
	return len(b), nil
}
