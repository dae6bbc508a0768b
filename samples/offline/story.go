package main

import (
	"fmt"
	"io"
)

// story prints steps and what is true of them.
type story struct {
	out  io.Writer
	step int
}

func (s *story) title(format string, a ...any) {
	if s.step++; s.step > 1 {
		fmt.Fprintln(s.out)
	}
	fmt.Fprintf(s.out, "%d  %s\n", s.step, fmt.Sprintf(format, a...))
}

func (s *story) say(format string, a ...any) {
	fmt.Fprintf(s.out, "     %s\n", fmt.Sprintf(format, a...))
}

// check prints a claim that holds, and returns an error for one that does not.
func (s *story) check(holds bool, format string, a ...any) error {
	claim := fmt.Sprintf(format, a...)
	if !holds {
		return fmt.Errorf("it is not true that %s", claim)
	}
	fmt.Fprintf(s.out, "  ✓  %s\n", claim)
	return nil
}
