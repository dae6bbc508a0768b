module github.com/gneiss-mqtt/gneiss-go/builders/azure

go 1.26.0

require (
	github.com/Azure/azure-sdk-for-go/sdk/azcore v1.24.0
	github.com/gneiss-mqtt/gneiss-go/builders/direct v0.1.0
	github.com/gneiss-mqtt/gneiss-go/builders/websocket v0.1.0
	github.com/gneiss-mqtt/gneiss-go/core v0.1.0
)

require (
	github.com/Azure/azure-sdk-for-go/sdk/internal v1.13.0 // indirect
	github.com/gorilla/websocket v1.5.3 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace (
	github.com/gneiss-mqtt/gneiss-go/builders/direct => ../direct
	github.com/gneiss-mqtt/gneiss-go/builders/websocket => ../websocket
	github.com/gneiss-mqtt/gneiss-go/core => ../../core
)
