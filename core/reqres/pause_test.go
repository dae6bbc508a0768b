package reqres_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/core/reqres"
)

func TestPause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for n, most := range map[int]time.Duration{0: 500 * time.Millisecond, 1: time.Second, 5: 16 * time.Second, 7: time.Minute, math.MaxInt: time.Minute} {
			began := time.Now()
			reqres.Pause(t.Context(), n, time.Minute)
			if took := time.Since(began); took < most/2 || took > most {
				t.Errorf("after %d failures it took %v", n, took)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		began := time.Now()
		go func() {
			reqres.Pause(ctx, 9, time.Minute)
			close(over)
		}()
		synctest.Wait()
		cancel()
		<-over
		if took := time.Since(began); took != 0 {
			t.Errorf("it went on for %v", took)
		}
	})
}

func TestTooLong(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newService(t)
		s.maximum = 10_000
		c, _ := s.start()
		for size, want := range map[int]bool{100: false, 20_000: true} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := c.Do(ctx, byTopic(fmt.Sprint("a", size), strings.Repeat("x", size)))
			cancel()
			if err == nil || reqres.TooLong(err) != want || reqres.NotSent(err) != want {
				t.Errorf("%d bytes: got %v", size, err)
			}
		}
	})
}
