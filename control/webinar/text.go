package webinar

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxText is how long a name or title may be, in characters, and an identity key's
// value, in bytes.
const MaxText = 200

// CheckName returns ErrInvalidName unless s is a name that can be shown on one line:
// valid UTF-8, at most MaxText characters, without control characters. It may be empty.
//
// Characters that change the direction of what follows are refused too: with them one
// name can look like another.
func CheckName(s string) error {
	if !oneLine(s, MaxText) {
		return ErrInvalidName
	}
	return nil
}

// oneLine reports whether s is valid UTF-8 of at most n characters without any that
// controls a line or its direction.
func oneLine(s string, n int) bool {
	return len(s) <= 4*n && utf8.ValidString(s) && utf8.RuneCountInString(s) <= n && !strings.ContainsFunc(s, controls)
}

func controls(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' ||
		r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}
