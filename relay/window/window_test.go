package window

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/qlog"

	"stentor/bench/impair"
)

func TestCheckFindsThisVersion(t *testing.T) {
	if _, err := check(); err != nil {
		t.Fatal(err)
	}
}

func TestInspectionRefuses(t *testing.T) {
	type inner struct{ count uint64 }
	type outer struct {
		inner
		window int64
		short  int32
	}
	_ = outer{window: 1, short: 1, inner: inner{count: 1}}
	for _, c := range []struct{ name, field, want, err string }{
		{"what is as expected", "window", "int64", ""},
		{"a field that is not there", "cwnd", "int64", "has no field cwnd"},
		{"a field of another type", "window", "uint64", "is a int64, not a uint64"},
		{"a field of another length", "short", "int32", "is 4 bytes long"},
		{"a field that has moved into another struct", "count", "uint64", "has no field count"},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := &inspection{}
			i.number(reflect.TypeFor[outer](), c.field, c.want)
			if (i.err == nil) != (c.err == "") || i.err != nil && !strings.Contains(i.err.Error(), c.err) {
				t.Errorf("%v", i.err)
			}
			first := i.err
			if i.number(reflect.TypeFor[outer](), "nothing", "int64"); first != nil && i.err != first {
				t.Errorf("the first thing that was wrong is hidden by %v", i.err)
			}
		})
	}
}

func TestInspectionFollowsOnlyQuicGo(t *testing.T) {
	type fake struct{ handler any }
	for _, c := range []struct {
		name string
		v    fake
	}{{"another type", fake{&bytes.Buffer{}}}, {"no pointer", fake{7}}, {"nothing", fake{}}, {"a namesake", fake{&sentPacketHandler{}}}} {
		t.Run(c.name, func(t *testing.T) {
			i := &inspection{}
			if i.behind(reflect.ValueOf(c.v), "handler", "window.sentPacketHandler"); i.err == nil {
				t.Error("it was taken for quic-go's")
			}
		})
	}
}

type sentPacketHandler struct{}

func TestTrialRefuses(t *testing.T) {
	found, err := check()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		spoil func(l *layout)
	}{
		{"a window that is somewhere else", func(l *layout) { l.window = l.undone }},
		{"a window that goes on by itself", func(l *layout) { l.cutback = l.threshold }},
		{"bytes in flight that are something else", func(l *layout) { l.inFlight += 8 }},
		{"another algorithm", func(l *layout) { l.congestionTable = nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				broken := *found
				c.spoil(&broken)
				tr := &trial{layout: &broken}
				ctx, cancel := context.WithTimeout(t.Context(), checkTime)
				defer cancel()
				began := time.Now()
				_, err := exchange(ctx, tr)
				if err == nil && tr.verdict() == nil {
					t.Error("nobody has noticed")
				}
				if took := time.Since(began); took > checkTime+time.Second {
					t.Errorf("it took %v", took)
				}
				t.Log(err, tr.verdict())
			})
		})
	}
}

func TestAnotherVersionKeepsStockBehaviour(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		reg := prometheus.NewRegistry()
		var log bytes.Buffer
		ws := newWindows(Config{Logger: slog.New(slog.NewTextHandler(&log, nil)), Registerer: reg}, func() (*layout, error) { return nil, errors.New("window: quic-go is v9.9.9") })
		if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "v9.9.9") {
			t.Errorf("no alarm: %s", log.String())
		}
		expect(t, reg, "stentor_relay_window_owned", 0)
		h := w.hop(nil, impair.New(impair.Profile{Delay: 5 * ms}, 1), impair.New(impair.Profile{Delay: 5 * ms}, 2), 5*ms)
		defer h.close()
		if ws.Own(h.from, nudge) != nil || ws.Tracer(t.Context(), true, quic.ConnectionID{}) != nil {
			t.Error("a window is owned of which nothing is known")
		}
		expect(t, reg, "stentor_relay_window_refused_total", 1)
		h.send(2e6, 0, time.Second)
		if h.within(0, 50*ms) != 1 {
			t.Error("the connection does not work")
		}
	})
}

func TestAConnectionWithoutTheTracerKeepsStockBehaviour(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		h := w.hop(nil, impair.New(impair.Profile{Delay: 5 * ms}, 1), impair.New(impair.Profile{Delay: 5 * ms}, 2), 5*ms)
		defer h.close()
		reg := prometheus.NewRegistry()
		if ws := New(Config{Registerer: reg}); ws.Own(h.from, nudge) != nil {
			t.Error("it is owned")
		}
		expect(t, reg, "stentor_relay_window_owned", 1)
		expect(t, reg, "stentor_relay_window_refused_total", 1)
	})
}

func TestOwn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		reg := prometheus.NewRegistry()
		ws := New(Config{Registerer: reg})
		began := time.Now()
		h := w.hop(ws, impair.New(impair.Profile{Delay: 30 * ms, Loss: .02}, 1), impair.New(impair.Profile{Delay: 30 * ms}, 2), 30*ms)
		if took := time.Since(began); took > 400*ms {
			t.Errorf("owning it took %v", took)
		}
		if ws.Own(h.from, nudge) != h.window {
			t.Error("a connection has two windows")
		}
		expect(t, reg, "stentor_relay_window_connections", 1)
		h.send(10e6, 0, 3*time.Second)
		s, quics := h.window.Stats(), h.from.ConnectionStats()
		if uint64(s.Window) != quics.CongestionWindow || s.Sent != quics.PacketsSent || s.Lost != quics.PacketsLost {
			t.Errorf("%+v, but quic-go says %+v", s, quics)
		}
		if s.Lost < 30 || s.Loss > .06 || s.MinRTT < 60*ms || s.MinRTT > 61*ms || s.Rate < 10e6 || s.Congested || s.Delivered < 3_700_000 || s.InFlight > s.Window {
			t.Errorf("%+v", s)
		}
		time.Sleep(1500 * ms)
		if s := h.window.Stats(); s.Loss != 0 {
			t.Errorf("%v is lost while nothing is sent", s.Loss)
		}
		h.close()
		synctest.Wait()
		expect(t, reg, "stentor_relay_window_connections", 0)
	})
}

func TestAnOwnedConnectionRecordsNothingAboutSinglePackets(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		h := w.hop(New(Config{}), impair.New(impair.Profile{Delay: 5 * ms}, 1), impair.New(impair.Profile{Delay: 5 * ms}, 2), 5*ms)
		defer h.close()
		if logger := reflect.ValueOf(h.from).Elem().FieldByName("qlogger"); !logger.IsNil() {
			t.Error("it goes on")
		}
		if logger := reflect.ValueOf(h.to).Elem().FieldByName("qlogger"); logger.IsNil() {
			t.Error("so does one that is not owned, and this test says nothing")
		}
	})
}

func TestEventsFromElsewhereAreLeftAlone(t *testing.T) {
	tr := &trace{}
	tr.RecordEvent(qlog.MetricsUpdated{}) // nobody owns it
	tr.window.Store(&Window{})            // would fail when it is touched
	tr.RecordEvent(qlog.StreamPriorityUpdated{})
	tr.RecordEvent(qlog.DatagramDropped{})
	tr.RecordEvent(qlog.PacketLost{})
	tr.RecordEvent(qlog.SpuriousLoss{})
	if n := tr.window.Load().spurious.Load(); n != 1 {
		t.Errorf("%d losses were none", n)
	}
	if err := tr.Close(); err != nil || tr.AddProducer() == nil {
		t.Error(err)
	}
}

// expect compares a metric.
func expect(t *testing.T, reg *prometheus.Registry, name string, want float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			if got := m.GetGauge().GetValue() + m.GetCounter().GetValue(); got != want {
				t.Errorf("%s is %v, not %v", name, got, want)
			}
			return
		}
	}
	t.Errorf("no metric %s", name)
}

func TestMetricsAreWellMade(t *testing.T) {
	reg := prometheus.NewRegistry()
	New(Config{Registerer: reg})
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}
