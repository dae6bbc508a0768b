package emulator

import (
	"net/http"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/account"
	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// newServices makes the services of the AWS profile, in the order in which they are asked about a message, and the
// handler of their HTTP API, which may be nil. The handler's requests carry their principal, see service.PrincipalOf.
func newServices(host service.Host, a *account.Account) ([]service.Service, http.Handler) {
	return nil, nil
}
