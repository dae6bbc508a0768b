package provisioning

import (
	"maps"
	"slices"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// Config is what a service is made from.
type Config struct {
	Account *account.Account
	// Sign makes a certificate, in PEM, for the key of a signing request in PEM.
	Sign func(csr []byte) (cert []byte, err error)
	// NewToken makes a token that cannot be guessed.
	NewToken func() string
}

// How long things last.
const (
	TokenLifetime = time.Hour       // an ownership token, and a certificate that nobody has registered
	ClaimLifetime = 5 * time.Minute // the certificate of a provisioning claim
	HookTimeout   = 5 * time.Second
)

// The bounds of what is kept.
const (
	maxTemplates = 1000
	maxTokens    = 100_000
	maxCalls     = 10_000
)

// Service holds templates and tokens. Its calls must not be concurrent.
type Service struct {
	c         Config
	templates map[string]*Template
	tokens    map[string]*ownership
	claims    []claim      // oldest first
	aging     []*ownership // oldest first
	calls     map[uint64]*call
	fresh     []Call     // calls that nobody has taken
	orders    []KeyOrder // that nobody has taken
	lastCall  uint64
}

// ownership is what a token proves.
type ownership struct {
	Token       string
	Certificate string // identifier
	Expires     time.Time
}

// claim is a certificate for a few minutes.
type claim struct {
	Certificate string
	Expires     time.Time
}

// New returns a service without templates.
func New(c Config) *Service {
	return &Service{c: c, templates: map[string]*Template{}, tokens: map[string]*ownership{}, calls: map[uint64]*call{}}
}

// NextWake returns when Wake has something to do.
func (s *Service) NextWake() (at time.Time, ok bool) {
	earlier := func(t time.Time) {
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	if len(s.aging) > 0 {
		earlier(s.aging[0].Expires)
	}
	if len(s.claims) > 0 {
		earlier(s.claims[0].Expires)
	}
	for _, c := range s.calls {
		earlier(c.deadline)
	}
	return at, ok
}

// Wake denies what hooks have not decided in time, and deletes certificates that nobody has registered.
func (s *Service) Wake(now time.Time) (out []service.Message) {
	for _, id := range slices.Sorted(maps.Keys(s.calls)) {
		if !now.Before(s.calls[id].deadline) {
			out = append(out, s.Resolve(now, id, Decision{}, errTooSlow)...)
		}
	}
	for len(s.aging) > 0 && !now.Before(s.aging[0].Expires) {
		o := s.aging[0]
		s.aging = s.aging[1:]
		delete(s.tokens, o.Token)
		if c := s.c.Account.Certificate(o.Certificate); c != nil && c.Status == account.PendingActivation {
			_ = s.c.Account.DeleteCertificate(o.Certificate) // it is not active, so that it can be
		}
	}
	for len(s.claims) > 0 && !now.Before(s.claims[0].Expires) {
		id := s.claims[0].Certificate
		s.claims = s.claims[1:]
		if s.c.Account.SetStatus(id, account.Inactive, now) == nil {
			_ = s.c.Account.DeleteCertificate(id)
		}
	}
	return out
}
