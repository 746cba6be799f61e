package window

import "testing"

func TestCheck(t *testing.T) {
	l, err := check()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", l)
}
