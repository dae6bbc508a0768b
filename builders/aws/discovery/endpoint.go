package discovery

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
)

// The types of endpoint, by the AWS IoT API: DescribeEndpoint.
const (
	DataATS            = "iot:Data-ATS"           // MQTT, over TLS and WebSocket
	CredentialProvider = "iot:CredentialProvider" // for awsiot.X509Credentials
	Jobs               = "iot:Jobs"               // Jobs over HTTP
)

// Endpoint returns the endpoint of the account and region of the configuration for MQTT. It needs credentials that allow
// iot:DescribeEndpoint.
func Endpoint(ctx context.Context, cfg aws.Config, optFns ...func(*iot.Options)) (string, error) {
	return EndpointOfType(ctx, cfg, DataATS, optFns...)
}

// EndpointOfType is [Endpoint] for another type.
func EndpointOfType(ctx context.Context, cfg aws.Config, endpointType string, optFns ...func(*iot.Options)) (string, error) {
	if cfg.Region == "" {
		return "", errors.New("discovery: the AWS configuration has no Region")
	}
	out, err := iot.NewFromConfig(cfg, optFns...).DescribeEndpoint(ctx, &iot.DescribeEndpointInput{EndpointType: aws.String(endpointType)})
	if err != nil {
		return "", fmt.Errorf("discovery: endpoint of type %s: %w", endpointType, err)
	}
	if address := aws.ToString(out.EndpointAddress); address != "" {
		return address, nil
	}
	return "", fmt.Errorf("discovery: there is no endpoint of type %s", endpointType)
}
