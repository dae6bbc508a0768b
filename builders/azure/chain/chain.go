package chain

import (
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	azureiot "github.com/gneiss-mqtt/gneiss-go/builders/azure"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// Options are those of [azureiot.EventGrid] and of azidentity.DefaultAzureCredential.
type Options struct {
	azureiot.Options
	Credential azidentity.DefaultAzureCredentialOptions
}

// EventGrid is [azureiot.EventGrid] with the DefaultAzureCredential. What is missing for that shows at the first attempt
// to connect, which is made again like any other: a managed identity may take a while to be there.
func EventGrid(host string, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	var o Options
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	credential, err := azidentity.NewDefaultAzureCredential(&o.Credential)
	if err != nil {
		return mqtt.Endpoint{}, fmt.Errorf("chain: %w", err)
	}
	return azureiot.EventGrid(host, credential, func(a *azureiot.Options) { *a = o.Options })
}
