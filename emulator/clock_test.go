package emulator_test

import (
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
	"github.com/gneiss-mqtt/gneiss-go/emulator"
)

// TestAdvance: what is due by then happens, and what is under way is none of it.
func TestAdvance(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{Epoch: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, func(t *testing.T, s *emulator.Server) {
		if now := s.Now().Format(time.DateTime); now != "2026-01-02 03:04:05" {
			t.Error(now)
		}
		c := dial(t, s, packet.V5)
		c.connect(packet.Connect{ClientID: "c", CleanStart: true, KeepAlive: 1200})
		slow := dial(t, s, packet.V5) // has not sent its CONNECT yet
		for range 3 {
			if err := s.Advance(29 * time.Minute); err != nil {
				t.Fatal(err)
			}
			c.send(&packet.Pingreq{})
			expect[*packet.Pingresp](c)
		}
		slow.connect(packet.Connect{ClientID: "slow", CleanStart: true})
		if err := s.Advance(-time.Hour); err != nil {
			t.Fatal(err)
		}
		if now := s.Now().Format(time.DateTime); now != "2026-01-02 04:31:05" {
			t.Error(now)
		}
		if err := s.Advance(31 * time.Minute); err != nil {
			t.Fatal(err)
		}
		if d := expect[*packet.Disconnect](c); d.Code != packet.KeepAliveTimeout {
			t.Errorf("%s", d.Code)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Advance(time.Hour); err != emulator.ErrClosed {
			t.Errorf("%v", err)
		}
	})
}
