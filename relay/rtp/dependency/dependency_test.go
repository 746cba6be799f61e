package dependency

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"stentor/relay/rtp"
)

// chromium returns the descriptors of a stream of a Chromium 156, as they followed each other.
func chromium(t testing.TB, name string) (out [][]byte) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "svc", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	for len(b) > 4 {
		n := int(binary.BigEndian.Uint16(b[2:]))
		p, err := rtp.Parse(b[4 : 4+n])
		if err != nil {
			t.Fatal(err)
		}
		if d := p.Extension(13); d != nil {
			out = append(out, d)
		}
		b = b[4+n:]
	}
	return out
}

func TestRealDescriptorsAreWrittenAgainBitForBit(t *testing.T) {
	for _, test := range []struct {
		name                    string
		targets, chains, layers int
		sizes                   [3]Size
	}{
		{"vp9-l3t3-key.rtp", 9, 3, 3, [3]Size{{320, 180}, {640, 360}, {1280, 720}}},
		{"vp9-l2t2.rtp", 4, 2, 2, [3]Size{{640, 360}, {1280, 720}}},
		{"av1-l3t3.rtp", 9, 3, 3, [3]Size{{320, 180}, {640, 360}, {1280, 720}}},
		{"av1-l1t3.rtp", 3, 1, 1, [3]Size{{1280, 720}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var r Reader
			structures := 0
			all := chromium(t, test.name)
			for i, b := range all {
				var d Descriptor
				if err := r.Parse(b, &d); err != nil {
					t.Fatalf("descriptor %d, %x: %v", i, b, err)
				}
				if again := r.Append(nil, &d); !bytes.Equal(again, b) {
					t.Fatalf("descriptor %d, %x, became %x", i, b, again)
				}
				if d.Attached {
					structures++
				}
			}
			s := r.Structure()
			if s.Targets != test.targets || s.Chains != test.chains || s.spatial != test.layers {
				t.Errorf("%d targets, %d chains, %d layers", s.Targets, s.Chains, s.spatial)
			}
			for i, want := range test.sizes {
				if s.Size(i) != want {
					t.Errorf("layer %d is %v, want %v", i, s.Size(i), want)
				}
			}
			if structures < 2 || len(all) < 300 {
				t.Errorf("%d structures in %d descriptors: the stream says too little", structures, len(all))
			}
		})
	}
}

func TestWhatIsNoDescriptorIsRefused(t *testing.T) {
	first := chromium(t, "vp9-l3t3-key.rtp")[0]
	for _, test := range []struct {
		name string
		b    []byte
		want error
	}{
		{"nothing", nil, ErrShort},
		{"two bytes", []byte{0x80, 0}, ErrShort},
		{"longer than an extension", make([]byte, 256), ErrBounds},
		{"the structure is cut off", first[:len(first)/2], ErrShort},
		{"only the flag of a structure", []byte{0x80, 0, 1, 0x80}, ErrShort},
		{"padding that is not zero", append(bytes.Clone(first), 1), ErrPadding},
		{"a template beyond the last", append([]byte{first[0] ^ 0x20}, first[1:]...), ErrStructure},
	} {
		t.Run(test.name, func(t *testing.T) {
			var r Reader
			var d Descriptor
			if err := r.Parse(test.b, &d); !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if r.Structure() != nil {
				t.Error("the reader has a structure of what it refused")
			}
		})
	}
}

func TestADescriptorIsReadOnlyWithItsStructure(t *testing.T) {
	all := chromium(t, "av1-l1t3.rtp")
	var r Reader
	var d Descriptor
	if err := r.Parse(all[len(all)-1], &d); !errors.Is(err, ErrStructure) {
		t.Fatalf("without a structure: %v", err)
	}
	if err := r.Parse(all[0], &d); err != nil || !d.Attached || !d.First {
		t.Fatalf("the first: %+v, %v", d, err)
	}
	r.Forget()
	if err := r.Parse(all[1], &d); !errors.Is(err, ErrStructure) {
		t.Fatalf("after Forget: %v", err)
	}
}

func TestAMaskOfActiveTargetsIsWritten(t *testing.T) {
	all := chromium(t, "vp9-l3t3-key.rtp")
	var r Reader
	var d Descriptor
	for i, b := range all {
		if err := r.Parse(b, &d); err != nil {
			t.Fatal(err)
		}
		for _, always := range []bool{false, true} {
			out := r.Mask(nil, b, 0x7, always)
			told := r // the viewer's
			var got Descriptor
			if err := told.Parse(out, &got); err != nil {
				t.Fatalf("descriptor %d: %x became %x: %v", i, b, out, err)
			}
			want := d.Attached || d.Masked || always
			if got.Masked != want || want && got.Active != 0x7 {
				t.Fatalf("descriptor %d says %v %b, want %v", i, got.Masked, got.Active, want)
			}
			if got.Frame != d.Frame || got.Number != d.Number || got.First != d.First || got.Last != d.Last {
				t.Fatalf("descriptor %d: %x became %x, which is another frame", i, b, out)
			}
			if !want && !bytes.Equal(out, b) {
				t.Fatalf("descriptor %d: %x became %x", i, b, out)
			}
		}
	}
	if out := (&Reader{}).Mask(nil, []byte{1, 2, 3}, 1, true); !bytes.Equal(out, []byte{1, 2, 3}) {
		t.Errorf("what cannot be parsed became %x", out)
	}
}

func TestADescriptorCostsNoAllocation(t *testing.T) {
	all := chromium(t, "av1-l3t3.rtp")
	var r Reader
	var d Descriptor
	out := make([]byte, 0, 300)
	if n := testing.AllocsPerRun(3, func() {
		for _, b := range all {
			if r.Parse(b, &d) != nil {
				t.Fatal("refused")
			}
			out = r.Mask(r.Append(out[:0], &d)[:0], b, 1, true)
		}
	}); n != 0 {
		t.Errorf("%v allocations for %d descriptors", n, len(all))
	}
}

// FuzzDescriptor holds that whatever parses is written again bit for bit, with or without a structure from before.
func FuzzDescriptor(f *testing.F) {
	for _, name := range []string{"vp9-l3t3-key.rtp", "vp9-l2t2.rtp", "av1-l3t3.rtp", "av1-l1t3.rtp"} {
		all := chromium(f, name)
		for _, b := range all[:min(40, len(all))] {
			f.Add(all[0], b)
		}
	}
	for _, text := range []string{
		"800001" + "80" + "0001a0", "c00001" + "f8" + "0020ffff" + "ffffffffffffffff", "400002" + "38" + "ff00ff00ff00ff",
	} {
		b, err := hex.DecodeString(text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, b)
	}
	f.Fuzz(func(t *testing.T, structure, b []byte) {
		var r Reader
		var d Descriptor
		for _, b := range [][]byte{structure, b} {
			before := r
			if r.Parse(b, &d) != nil {
				if r != before {
					t.Fatal("a descriptor that was refused changed the reader")
				}
				continue
			}
			if again := r.Append(nil, &d); !bytes.Equal(again, b) {
				t.Fatalf("%x became %x", b, again)
			}
			for _, always := range []bool{false, true} {
				out := r.Mask(nil, b, 0x5, always)
				told := r
				var got Descriptor
				if err := told.Parse(out, &got); err != nil || got.Frame != d.Frame || got.Number != d.Number {
					t.Fatalf("%x became %x by a mask: %v", b, out, err)
				}
			}
		}
	})
}
