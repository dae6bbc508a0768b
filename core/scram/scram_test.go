package scram

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// The example of RFC 7677 section 3.
const (
	rfcUser     = "user"
	rfcPassword = "pencil"
	rfcNonce    = "rOprNGfwEbeRWgbNEkqO"
	rfcFirst    = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
	rfcServer   = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
	rfcFinal    = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	rfcVerify   = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
)

// begin returns the exchange of the RFC.
func begin(t *testing.T) *exchange {
	t.Helper()
	a, err := SHA256(rfcUser, rfcPassword)
	if err != nil {
		t.Fatal(err)
	}
	a.nonce = func() string { return rfcNonce }
	x, err := a.Begin(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	first, err := x.Next(t.Context(), nil)
	if err != nil || string(first) != rfcFirst {
		t.Fatalf("first message %q, %v", first, err)
	}
	return x.(*exchange)
}

func TestVectorOfRFC7677(t *testing.T) {
	t.Parallel()
	x := begin(t)
	final, err := x.Next(t.Context(), []byte(rfcServer))
	if err != nil || string(final) != rfcFinal {
		t.Fatalf("final message %q, %v", final, err)
	}
	if err := x.Done(t.Context(), []byte(rfcVerify)); err != nil {
		t.Error(err)
	}
	if err := x.Done(t.Context(), []byte(rfcVerify+",ext=1")); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "v=", "v=AAAA", "e=other-error", "v=!", rfcVerify[2:]} {
		if err := x.Done(t.Context(), []byte(bad)); !errors.Is(err, ErrServer) {
			t.Errorf("Done(%q): %v", bad, err)
		}
	}
	if _, err := x.Next(t.Context(), []byte(rfcServer)); !errors.Is(err, ErrMessage) {
		t.Errorf("a third step: %v", err)
	}
}

// A broker that accepts without a challenge has proved nothing.
func TestAcceptedUnasked(t *testing.T) {
	t.Parallel()
	if err := begin(t).Done(t.Context(), []byte(rfcVerify)); !errors.Is(err, ErrServer) {
		t.Error(err)
	}
}

func TestBadServerMessages(t *testing.T) {
	t.Parallel()
	const nonce = "r=" + rfcNonce + "x"
	for _, bad := range []string{
		"", ",", ",,", "r=,s=,i=", nonce, nonce + ",s=AAAA", nonce + ",s=AAAA,i=", nonce + ",s=AAAA,i=x",
		nonce + ",s=AAAA,i=-1", nonce + ",s=AAAA,i=4095", nonce + ",s=AAAA,i=1000001", nonce + ",s=AAAA,i=99999999999999999999",
		nonce + ",s=,i=4096", nonce + ",s=!!!!,i=4096", nonce + ",s=" + strings.Repeat("AAAA", 400) + ",i=4096",
		nonce + ",i=4096,s=AAAA", "m=ext," + nonce + ",s=AAAA,i=4096",
		"r=" + rfcNonce + ",s=AAAA,i=4096", "r=other,s=AAAA,i=4096", "r=,s=AAAA,i=4096", "e=invalid-proof",
	} {
		if _, err := begin(t).Next(t.Context(), []byte(bad)); !errors.Is(err, ErrMessage) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := begin(t).Next(t.Context(), []byte(nonce+",s=AAAA,i=4096,ext=1")); err != nil {
		t.Error(err)
	}
}

func FuzzServerMessages(f *testing.F) {
	f.Add(rfcServer, rfcVerify)
	f.Fuzz(func(t *testing.T, first, final string) {
		if _, _, n, err := parse(first); err == nil && n > 2*minIterations {
			t.Skip("slow")
		}
		x := &exchange{password: func() string { return rfcPassword }, nonce: rfcNonce, first: rfcFirst[3:], step: 1}
		if _, err := x.Next(context.Background(), []byte(first)); err != nil && !errors.Is(err, ErrMessage) {
			t.Error(err)
		}
		if err := x.Done(context.Background(), []byte(final)); err != nil && !errors.Is(err, ErrServer) {
			t.Error(err)
		}
	})
}

func TestNamesAndPasswords(t *testing.T) {
	t.Parallel()
	for _, bad := range [][2]string{{"", "p"}, {"a\x00", "p"}, {"u", "p\n"}, {"u\x7f", "p"}, {"\xff", "p"}} {
		if _, err := SHA256(bad[0], bad[1]); err == nil || !strings.HasPrefix(err.Error(), "scram: ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	a, err := SHA256("a=b,c", "hunter2")
	if err != nil {
		t.Fatal(err)
	}
	x, _ := a.Begin(t.Context(), true)
	first, _ := x.Next(t.Context(), nil)
	if !strings.HasPrefix(string(first), "n,,n=a=3Db=2Cc,r=") {
		t.Errorf("got %q", first)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, v := range []any{a, *a, x, struct{ a *Authenticator }{a}} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, "hunter2") {
				t.Errorf("%s prints the password: %s", verb, s)
			}
		}
	}
}
