module github.com/gneiss-mqtt/gneiss-go/builders/aws

go 1.26.0

require (
	github.com/aws/aws-sdk-go-v2 v1.47.7
	github.com/gneiss-mqtt/gneiss-go/builders/direct v0.1.0
	github.com/gneiss-mqtt/gneiss-go/builders/websocket v0.1.0
	github.com/gneiss-mqtt/gneiss-go/core v0.1.0
	github.com/gorilla/websocket v1.5.3
	software.sslmate.com/src/go-pkcs12 v0.7.4
)

require (
	github.com/aws/smithy-go v1.28.8 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace (
	github.com/gneiss-mqtt/gneiss-go/builders/direct => ../direct
	github.com/gneiss-mqtt/gneiss-go/builders/websocket => ../websocket
	github.com/gneiss-mqtt/gneiss-go/core => ../../core
)
