package stats

import (
	"math"
	"slices"
	"testing"
)

func TestMedianAndSpread(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values         []float64
		median, spread float64
	}{
		{[]float64{7}, 7, 0},
		{[]float64{1, 3}, 2, 0.5},
		{[]float64{9, 1, 5}, 5, 0.8},
		{[]float64{4, 1, 3, 2}, 2.5, 0.6},
		{[]float64{100, 110, 90, 100, 1000}, 100, 4.55},
	} {
		before := slices.Clone(c.values)
		if got := Median(c.values); got != c.median {
			t.Errorf("median of %v: %v, want %v", c.values, got, c.median)
		}
		if got := Spread(c.values); math.Abs(got-c.spread) > 1e-9 {
			t.Errorf("spread of %v: %v, want %v", c.values, got, c.spread)
		}
		if !slices.Equal(before, c.values) {
			t.Errorf("%v was reordered to %v", before, c.values)
		}
	}
	if !math.IsNaN(Median(nil)) || !math.IsNaN(Spread(nil)) {
		t.Error("nothing has a median")
	}
}

func TestRatio(t *testing.T) {
	t.Parallel()
	if got := Ratio(6, 4); got != 1.5 {
		t.Error(got)
	}
	nan := math.NaN()
	for _, c := range [][2]float64{{1, 0}, {0, 1}, {nan, 1}, {1, nan}, {-1, 1}} {
		if got := Ratio(c[0], c[1]); !math.IsNaN(got) {
			t.Errorf("%v: %v", c, got)
		}
	}
}
