package chain

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/config"

	awsiot "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	"github.com/gneiss-mqtt/gneiss-go/core/mqtt"
)

// Options are those of [awsiot.WebSocket], and what config.LoadDefaultConfig takes.
type Options struct {
	awsiot.Options
	// Load says what to load, such as config.WithSharedConfigProfile. Empty: what the environment says.
	Load []func(*config.LoadOptions) error
}

// WebSocket is [awsiot.WebSocket] with the default configuration of the AWS SDK. The context bounds the loading; the
// credentials themselves are retrieved at every attempt to connect, and cached until they expire.
//
// An endpoint whose name carries a region needs none in the configuration: it is used for signing, and for services that
// the credentials come from where the configuration has no other.
func WebSocket(ctx context.Context, endpoint string, optFns ...func(*Options)) (mqtt.Endpoint, error) {
	var o Options
	for _, fn := range optFns {
		if fn != nil {
			fn(&o)
		}
	}
	load := o.Load
	if region := awsiot.Region(endpoint); region != "" {
		load = append([]func(*config.LoadOptions) error{config.WithDefaultRegion(region)}, load...)
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return mqtt.Endpoint{}, fmt.Errorf("chain: load the AWS configuration: %w", err)
	}
	return awsiot.WebSocket(cfg, endpoint, func(a *awsiot.Options) { *a = o.Options })
}
