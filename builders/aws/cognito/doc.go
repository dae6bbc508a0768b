// Package cognito gets AWS credentials from an Amazon Cognito identity pool, for guests and for users who have signed in
// somewhere. With them a program without AWS credentials of its own connects over WebSocket:
//
//	provider, err := cognito.New(cfg, "eu-west-1:11111111-2222-3333-4444-555555555555")
//	...
//	cfg.Credentials = aws.NewCredentialsCache(provider)
//	endpoint, err := awsiot.WebSocket(cfg, "a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com")
//
// A guest needs an IAM role that allows what it does. A user who has signed in needs that, and an IoT policy that is
// attached to the identity ([Provider.IdentityID]) besides: both have to allow it.
//
// It is a module of its own because of what it brings along.
package cognito
