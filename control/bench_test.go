package control

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"stentor/control/controlpb"
)

// million is a state of a million registrants in ten webinars, each of whom gave 300
// bytes.
func million(b *testing.B, registrants int) *State {
	const webinars = 10
	s := NewState()
	put := func(r *controlpb.Record) {
		if err := s.put(r); err != nil {
			b.Fatal(err)
		}
	}
	put(clusterRecord(Cluster{ID: "c_1", FeatureLevel: 2}))
	for w := range webinars {
		put(&controlpb.Record{Kind: &controlpb.Record_Webinar{Webinar: &controlpb.WebinarRecord{
			Id: fmt.Sprintf("w_%d", w), Link: fmt.Sprint("link-", w), Title: "About it", Mode: "role-based", State: "planned",
			Registration: &controlpb.Registration{Window: "always"}, Version: 1,
		}}})
	}
	for i := range registrants {
		id := fmt.Sprintf("r_%016d", i)
		put(&controlpb.Record{Kind: &controlpb.Record_Registrant{Registrant: &controlpb.RegistrantRecord{
			Webinar: fmt.Sprintf("w_%d", i%webinars), Id: id, Hash: hash(id), EmailHash: hash("mail " + id), Sealed: bytes.Repeat([]byte{byte(i)}, 300),
			Status: "approved", Created: start.UnixNano(), Index: uint64(i + 1),
		}}})
	}
	return s
}

// The goals of DESIGN.md: a million registrants are restored in 20 s, and take 1.7 GB.
func BenchmarkRestore(b *testing.B) {
	registrants := 1_000_000
	if testing.Short() {
		registrants = 20_000
	}
	var snap bytes.Buffer
	if err := million(b, registrants).Snapshot(&snap); err != nil {
		b.Fatal(err)
	}
	before := heap()
	var s *State
	for b.Loop() {
		s = nil
		var err error
		if s, err = Restore(bytes.NewReader(snap.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(heap()-before)/float64(registrants), "heap-B/registrant")
	b.ReportMetric(float64(snap.Len())/float64(registrants), "snapshot-B/registrant")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/float64(registrants)*1e6, "us/registrant")
	runtime.KeepAlive(s)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// What one command costs in a state of many registrants.
func BenchmarkApply(b *testing.B) {
	s := million(b, 20_000)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		c := register("w_1", fmt.Sprint("x_", i))
		c.ProposedAt = start.UnixNano()
		next, r := s.Apply(s.Index()+1, c)
		if r.Err != nil && codeOf(r.Err) != "registration_full" && codeOf(r.Err) != "too_many_registrants" {
			b.Fatal(r.Err)
		}
		s = next
		i++
	}
}

// The leader asks this each second.
func BenchmarkDue(b *testing.B) {
	s := million(b, 20_000)
	for b.Loop() {
		if s.Due(start) {
			b.Fatal("nothing is due")
		}
	}
}
