module github.com/gneiss-mqtt/gneiss-go/interop

go 1.26.0

require (
	github.com/Azure/azure-sdk-for-go/sdk/azcore v1.24.0
	github.com/aws/aws-sdk-go-v2 v1.47.7
	github.com/aws/aws-sdk-go-v2/service/iot v1.75.0
	github.com/aws/aws-sdk-go-v2/service/iotdataplane v1.30.0
	github.com/eclipse/paho.golang v0.23.0
	github.com/eclipse/paho.mqtt.golang v1.5.1
	github.com/evanphx/json-patch/v5 v5.9.11
	github.com/gneiss-mqtt/gneiss-go/builders/aws v0.1.0
	github.com/gneiss-mqtt/gneiss-go/builders/azure v0.1.0
	github.com/gneiss-mqtt/gneiss-go/builders/direct v0.1.0
	github.com/gneiss-mqtt/gneiss-go/builders/websocket v0.1.0
	github.com/gneiss-mqtt/gneiss-go/core v0.1.0
	github.com/gneiss-mqtt/gneiss-go/emulator v0.1.0
	github.com/gneiss-mqtt/gneiss-go/services/commands v0.1.0
	github.com/gneiss-mqtt/gneiss-go/services/defender v0.1.0
	github.com/gneiss-mqtt/gneiss-go/services/jobs v0.1.0
	github.com/gneiss-mqtt/gneiss-go/services/provisioning v0.1.0
	github.com/gneiss-mqtt/gneiss-go/services/shadow v0.1.0
	github.com/gneiss-mqtt/gneiss-go/services/tunnels v0.1.0
	github.com/gorilla/websocket v1.5.3
	github.com/mochi-mqtt/server/v2 v2.7.9
	go.uber.org/goleak v1.3.0
	golang.org/x/mod v0.41.0
	software.sslmate.com/src/go-pkcs12 v0.7.4
)

require (
	github.com/Azure/azure-sdk-for-go/sdk/internal v1.13.0 // indirect
	github.com/aws/aws-sdk-go-v2/internal/configsources v1.4.25 // indirect
	github.com/aws/aws-sdk-go-v2/internal/endpoints/v2 v2.7.25 // indirect
	github.com/aws/smithy-go v1.28.8 // indirect
	github.com/fxamacker/cbor/v2 v2.9.6 // indirect
	github.com/rs/xid v1.4.0 // indirect
	github.com/x448/float16 v0.8.4 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace (
	github.com/gneiss-mqtt/gneiss-go/builders/aws => ../builders/aws
	github.com/gneiss-mqtt/gneiss-go/builders/azure => ../builders/azure
	github.com/gneiss-mqtt/gneiss-go/builders/direct => ../builders/direct
	github.com/gneiss-mqtt/gneiss-go/builders/websocket => ../builders/websocket
	github.com/gneiss-mqtt/gneiss-go/core => ../core
	github.com/gneiss-mqtt/gneiss-go/emulator => ../emulator
	github.com/gneiss-mqtt/gneiss-go/services/commands => ../services/commands
	github.com/gneiss-mqtt/gneiss-go/services/defender => ../services/defender
	github.com/gneiss-mqtt/gneiss-go/services/jobs => ../services/jobs
	github.com/gneiss-mqtt/gneiss-go/services/provisioning => ../services/provisioning
	github.com/gneiss-mqtt/gneiss-go/services/shadow => ../services/shadow
	github.com/gneiss-mqtt/gneiss-go/services/tunnels => ../services/tunnels
)
