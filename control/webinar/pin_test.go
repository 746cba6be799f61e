package webinar

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"
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

func TestM8Guesses(t *testing.T) {
	t.Run("an attacker gets the budget and no more", func(t *testing.T) {
		g := NewGuesses(Share(1), now)
		wrong := 0
		for second := range 4 * 3600 {
			for g.Spend(now.Add(time.Duration(second) * time.Second)) {
				wrong++
			}
		}
		if wrong < 4*GuessesPerHour || wrong > 5*GuessesPerHour {
			t.Errorf("%d guesses in four hours", wrong)
		}
		if p := float64(wrong) / 1e8; p > 2e-5 {
			t.Errorf("eight digits fall with %g", p)
		}
	})
	t.Run("the shares of all nodes are never more than the budget", func(t *testing.T) {
		for n := range 300 {
			if sum := max(n, 1) * Share(n); sum > GuessesPerHour {
				t.Errorf("%d nodes have %d", n, sum)
			}
		}
	})
	t.Run("right PINs cost nothing and earn a tenth", func(t *testing.T) {
		g := NewGuesses(10, now)
		for g.Spend(now) {
		}
		g.Return(now)
		for range 30 {
			if !g.Spend(now) {
				t.Fatal("the right PIN was not looked at")
			}
			g.Refund(now)
		}
		if left := g.Left(now); left != 4 {
			t.Errorf("30 right ones left %d guesses", left)
		}
	})
	t.Run("a clock that goes back earns nothing", func(t *testing.T) {
		g := NewGuesses(1, now)
		g.Spend(now)
		if g.Spend(now.Add(-time.Hour)) || !g.Spend(now.Add(time.Hour)) {
			t.Error("wrong refill")
		}
	})
	t.Run("never more than full", func(t *testing.T) {
		g := NewGuesses(5, now)
		if g.Refund(now); g.Left(now.Add(100*time.Hour)) != 5 {
			t.Errorf("%d left", g.Left(now))
		}
	})
}
