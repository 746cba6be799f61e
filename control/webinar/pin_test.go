package webinar

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

func TestS31AGeneratedPINHasEightDigits(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		pin := GeneratePIN(rand.Reader)
		if len(pin) != 8 || strings.Trim(pin, "0123456789") != "" || Weak(pin) || CheckPIN(pin) != nil {
			t.Fatalf("generated %q", pin)
		}
		seen[pin] = true
	}
	if len(seen) < 995 {
		t.Errorf("only %d different ones of 1000", len(seen))
	}
}

func TestS31AGeneratedPINIsUnbiasedAndNeverWeak(t *testing.T) {
	numbers := func(ns ...uint32) *bytes.Reader {
		var b []byte
		for _, n := range ns {
			b = binary.BigEndian.AppendUint32(b, n)
		}
		return bytes.NewReader(b)
	}
	// 4,200,000,000 and above would make the codes below 94,967,296 likelier.
	if got := GeneratePIN(numbers(4_148_151_623)); got != "48151623" {
		t.Errorf("a number below the rest gave %s", got)
	}
	if got := GeneratePIN(numbers(4_200_000_000+48151623, 31415926)); got != "31415926" {
		t.Errorf("a number in the biased rest gave %s", got)
	}
	if got := GeneratePIN(numbers(12345678, 11111111, 24121990, 48151623)); got != "48151623" {
		t.Errorf("a weak one was kept: %s", got)
	}
}

func TestS32CheckPIN(t *testing.T) {
	tests := []struct {
		pin string
		ok  bool
	}{
		{"1234", true}, {"123", false}, {"12-3", false}, {"  12  ", false}, {"", false},
		{strings.Repeat("x", 32), true}, {strings.Repeat("x", 33), false},
		{strings.Repeat("ü", 32), true}, {"correct horse", true}, {"ab\ncd", false}, {"ab\x00cd", false}, {"\xff\xfe\xfd\xfc", false},
	}
	for _, tt := range tests {
		err := CheckPIN(tt.pin)
		var d *Denial
		if (err == nil) != tt.ok || err != nil && (!errors.As(err, &d) || d.Code != "invalid_pin") {
			t.Errorf("CheckPIN(%q) = %v", tt.pin, err)
		}
	}
}

func TestS32AWeakPINIsCalledWeak(t *testing.T) {
	for _, pin := range []string{"1234", "abcde", "1234567", "12345678", "87654321", "00000000", "12121212", "11112222", "56789012",
		"13579135", "24682468", "19841231", "31121984", "12311984", "Password", "webinar", "aaaaaaaa", "123412341234", "abcdef", "12-34-56-78"} {
		if !Weak(pin) {
			t.Errorf("%q is not called weak", pin)
		}
	}
	for _, pin := range []string{"48151623", "31415926", "blue42horse", "7391-0264", "tulpe9", "98711234"} {
		if Weak(pin) {
			t.Errorf("%q is called weak", pin)
		}
	}
}

func TestVerifier(t *testing.T) {
	if !bytes.Equal(Verifier(pinKey, "4815 1623"), Verifier(pinKey, "48151623")) {
		t.Error("grouped digits are another PIN")
	}
	if bytes.Equal(Verifier(pinKey, "ab cd"), Verifier(pinKey, "abcd")) {
		t.Error("a space between letters does not count")
	}
	if bytes.Equal(Verifier(pinKey, "48151623"), Verifier(DeriveKey(clusterKey, "w_two"), "48151623")) {
		t.Error("two webinars with one PIN have one verifier")
	}
	if bytes.Equal(DeriveKey(clusterKey, "w_one"), DeriveKey([]byte("another"), "w_one")) || len(pinKey) != 32 {
		t.Error("the derived key does not depend on the cluster's")
	}
}
