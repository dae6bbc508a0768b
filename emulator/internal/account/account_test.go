package account_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/ca"
)

var now = time.Unix(1_800_000_000, 0)

func certificate(t *testing.T, a *account.Account) *account.Certificate {
	t.Helper()
	authority, err := ca.New()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Client("thing")
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.AddCertificate(pair.Leaf, account.Active, now)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := a.AddCertificate(pair.Leaf, account.Active, now); again != c || !errors.Is(err, account.ErrExists) {
		t.Errorf("%v, %v", again, err)
	}
	return c
}

func TestThingsAndCertificates(t *testing.T) {
	t.Parallel()
	a := account.New("123456789012", "eu-west-1")
	c := certificate(t, a)
	if c.ARN != "arn:aws:iot:eu-west-1:123456789012:cert/"+c.ID || a.Certificate(c.ARN) != c || a.Certificate(c.ID) != c || len(a.Certificates()) != 1 {
		t.Errorf("%+v", c)
	}
	for name, want := range map[string]error{"thing": nil, "a:b_c-1": nil, "": account.ErrInvalid, "a/b": account.ErrInvalid, strings.Repeat("x", 129): account.ErrInvalid} {
		if _, err := a.CreateThing(name); !errors.Is(err, want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := a.CreateThing("thing"); !errors.Is(err, account.ErrExists) {
		t.Error(err)
	}
	for range 2 {
		if err := a.AttachThing("thing", c.ARN); err != nil {
			t.Fatal(err)
		}
	}
	if !a.Attached("thing", c.ARN) || a.Attached("a:b_c-1", c.ARN) || len(a.ThingsOf(c.ARN)) != 1 || len(a.Thing("thing").Principals()) != 1 {
		t.Error("the attachment is not as it should be")
	}
	for what, err := range map[string]error{
		"a thing in use":      a.DeleteThing("thing"),
		"an active one":       a.DeleteCertificate(c.ID),
		"no such thing":       a.AttachThing("none", c.ARN),
		"no such certificate": a.SetStatus("none", account.Inactive, now),
		"no such status":      a.SetStatus(c.ID, "LOST", now),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if err := a.SetStatus(c.ARN, account.Revoked, now.Add(time.Hour)); err != nil || c.Status != account.Revoked || !c.Updated.After(c.Created) {
		t.Errorf("%v, %+v", err, c)
	}
	if err := errors.Join(a.DeleteCertificate(c.ID), a.DeleteThing("thing")); err != nil { // attachments go with the certificate
		t.Error(err)
	}
	if a.Certificate(c.ID) != nil || a.Thing("thing") != nil {
		t.Error("they are still there")
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	a := account.New("1", "r")
	text := strings.Repeat("x", account.MaxPolicyCharacters)
	if _, err := a.CreatePolicy("p0", text+" \n\t"); err != nil { // white space does not count
		t.Error(err)
	}
	for what, err := range map[string]error{
		"too long": second(a.CreatePolicy("long", text+"x")), "bad name": second(a.CreatePolicy("a b", "x")), "twice": second(a.CreatePolicy("p0", "x")),
		"attach none": a.AttachPolicy("none", "target"), "detach none": a.DetachPolicy("none", "target"), "delete none": a.DeletePolicy("none"),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	for i := range account.MaxPoliciesPerTarget + 1 {
		name := fmt.Sprint("p", i)
		if _, err := a.CreatePolicy(name, "x"); err != nil && i > 0 {
			t.Fatal(err)
		}
		err := a.AttachPolicy(name, "target")
		if most := i == account.MaxPoliciesPerTarget; most != errors.Is(err, account.ErrLimit) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if n := len(a.PoliciesOf("target")); n != account.MaxPoliciesPerTarget {
		t.Errorf("%d policies", n)
	}
	if err := a.DeletePolicy("p0"); err == nil {
		t.Error("a policy that is attached goes")
	}
	if err := errors.Join(a.DetachPolicy("p0", "target"), a.DeletePolicy("p0")); err != nil || a.Policy("p0") != nil {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestKeysAndRoleAliases(t *testing.T) {
	t.Parallel()
	a := account.New("1", "r")
	for what, k := range map[string]*account.Key{"no identifier": {Secret: "s"}, "no secret": {ID: "i"}} {
		if err := a.AddKey(k); !errors.Is(err, account.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	k := &account.Key{ID: "i", Secret: "s"}
	if err := a.AddKey(k); err != nil || a.Key("i") != k {
		t.Error(err)
	}
	if err := a.AddKey(k); !errors.Is(err, account.ErrExists) {
		t.Error(err)
	}
	for lifetime, ok := range map[time.Duration]bool{15 * time.Minute: true, 12 * time.Hour: true, 15*time.Minute - 1: false, 12*time.Hour + 1: false} {
		if err := a.AddRoleAlias(&account.RoleAlias{Name: "r", Duration: lifetime}); (err == nil) != ok {
			t.Errorf("%v: %v", lifetime, err)
		}
	}
	if a.RoleAlias("r") == nil || a.RoleAlias("s") != nil {
		t.Error("role aliases")
	}
}
