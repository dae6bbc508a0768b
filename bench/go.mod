module github.com/gneiss-mqtt/gneiss-go/bench

go 1.26.0

require (
	github.com/at-wat/mqtt-go v0.19.4
	github.com/eclipse/paho.golang v0.23.0
	github.com/eclipse/paho.mqtt.golang v1.5.1
	github.com/gneiss-mqtt/gneiss-go/core v0.1.0
)

require (
	github.com/gorilla/websocket v1.5.3 // indirect
	golang.org/x/net v0.44.0 // indirect
	golang.org/x/sync v0.17.0 // indirect
)

replace github.com/gneiss-mqtt/gneiss-go/core => ../core
