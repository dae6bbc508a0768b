module github.com/gneiss-mqtt/gneiss-go/samples

go 1.26.0

require (
	github.com/aws/aws-sdk-go-v2 v1.47.7
	github.com/gneiss-mqtt/gneiss-go/builders/aws v0.1.0
	github.com/gneiss-mqtt/gneiss-go/builders/aws/chain v0.1.0
	github.com/gneiss-mqtt/gneiss-go/builders/azure v0.1.0
	github.com/gneiss-mqtt/gneiss-go/builders/azure/chain v0.1.0
	github.com/gneiss-mqtt/gneiss-go/builders/direct v0.1.0
	github.com/gneiss-mqtt/gneiss-go/core v0.1.0
	github.com/gneiss-mqtt/gneiss-go/emulator v0.1.0
	github.com/gneiss-mqtt/gneiss-go/services/commands v0.1.0
	github.com/gneiss-mqtt/gneiss-go/services/jobs v0.1.0
	github.com/gneiss-mqtt/gneiss-go/services/provisioning v0.1.0
	github.com/gneiss-mqtt/gneiss-go/services/shadow v0.1.0
	software.sslmate.com/src/go-pkcs12 v0.7.4
)

require (
	github.com/Azure/azure-sdk-for-go/sdk/azcore v1.24.0 // indirect
	github.com/Azure/azure-sdk-for-go/sdk/azidentity v1.15.0 // indirect
	github.com/Azure/azure-sdk-for-go/sdk/internal v1.13.0 // indirect
	github.com/AzureAD/microsoft-authentication-library-for-go v1.10.1 // indirect
	github.com/aws/aws-sdk-go-v2/config v1.33.15 // indirect
	github.com/aws/aws-sdk-go-v2/credentials v1.20.15 // indirect
	github.com/aws/aws-sdk-go-v2/feature/ec2/imds v1.20.7 // indirect
	github.com/aws/aws-sdk-go-v2/internal/configsources v1.5.10 // indirect
	github.com/aws/aws-sdk-go-v2/internal/endpoints/v2 v2.8.10 // indirect
	github.com/aws/aws-sdk-go-v2/internal/v4a v1.5.10 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/accept-encoding v1.13.24 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/presigned-url v1.14.10 // indirect
	github.com/aws/aws-sdk-go-v2/service/signin v1.12.3 // indirect
	github.com/aws/aws-sdk-go-v2/service/sso v1.39.3 // indirect
	github.com/aws/aws-sdk-go-v2/service/ssooidc v1.44.3 // indirect
	github.com/aws/aws-sdk-go-v2/service/sts v1.51.8 // indirect
	github.com/aws/smithy-go v1.28.8 // indirect
	github.com/fxamacker/cbor/v2 v2.9.6 // indirect
	github.com/gneiss-mqtt/gneiss-go/builders/websocket v0.1.0 // indirect
	github.com/golang-jwt/jwt/v5 v5.3.1 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/gorilla/websocket v1.5.3 // indirect
	github.com/kylelemons/godebug v1.1.0 // indirect
	github.com/pkg/browser v0.0.0-20240102092130-5ac0b6a4141c // indirect
	github.com/x448/float16 v0.8.4 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace (
	github.com/gneiss-mqtt/gneiss-go/builders/aws => ../builders/aws
	github.com/gneiss-mqtt/gneiss-go/builders/aws/chain => ../builders/aws/chain
	github.com/gneiss-mqtt/gneiss-go/builders/azure => ../builders/azure
	github.com/gneiss-mqtt/gneiss-go/builders/azure/chain => ../builders/azure/chain
	github.com/gneiss-mqtt/gneiss-go/builders/direct => ../builders/direct
	github.com/gneiss-mqtt/gneiss-go/builders/websocket => ../builders/websocket
	github.com/gneiss-mqtt/gneiss-go/core => ../core
	github.com/gneiss-mqtt/gneiss-go/emulator => ../emulator
	github.com/gneiss-mqtt/gneiss-go/services/commands => ../services/commands
	github.com/gneiss-mqtt/gneiss-go/services/jobs => ../services/jobs
	github.com/gneiss-mqtt/gneiss-go/services/provisioning => ../services/provisioning
	github.com/gneiss-mqtt/gneiss-go/services/shadow => ../services/shadow
)
