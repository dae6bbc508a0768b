package dps

import (
	"fmt"
	"io"
	"log/slog"
)

// String says who registers where and with what kind of credential, and none of the keys.
func (o Options) String() string {
	with := "Identity: " + o.Identity.String()
	switch {
	case o.Key != "":
		with = "Key"
	case o.GroupKey != "":
		with = "GroupKey"
	}
	return fmt.Sprintf("dps.Options{Scope: %s, RegistrationID: %s, Host: %s, %s}", o.Scope, o.RegistrationID, o.Host, with)
}

// Format prints String for every verb.
func (o Options) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, o.String()) }

// LogValue logs String.
func (o Options) LogValue() slog.Value { return slog.StringValue(o.String()) }
