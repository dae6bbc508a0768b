package azureiot

import (
	"errors"
	"strings"
)

// ParseConnectionString reads what the portal shows for a device or module:
// HostName=...;DeviceId=...;ModuleId=...;SharedAccessKey=...
//
// Those of a hub, of a device with a certificate and of one behind a gateway are errors. Errors quote nothing of it.
func ParseConnectionString(s string) (host string, d Device, key SAS, err error) {
	for field := range strings.SplitSeq(strings.TrimSpace(s), ";") {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "HostName":
			host = value
		case "DeviceId":
			d.ID = value
		case "ModuleId":
			d.Module = value
		case "SharedAccessKey":
			key.Key = value
		case "SharedAccessKeyName":
			key.Policy = value
		case "":
		case "x509":
			return "", Device{}, SAS{}, errors.New("azureiot: connection string: the device has a certificate: see IoTHubX509")
		case "GatewayHostName", "SharedAccessSignature", "SharedAccessKeyFile":
			return "", Device{}, SAS{}, errors.New("azureiot: connection string: the field " + name + " is not supported")
		default: // which may be a key without its name
			return "", Device{}, SAS{}, errors.New("azureiot: connection string: it has an unknown field")
		}
	}
	if host != "" && d.ID == "" && key.Key != "" {
		return "", Device{}, SAS{}, errors.New("azureiot: connection string: it has no DeviceId, as that of a hub: want the one of a device")
	}
	if host == "" || d.ID == "" || key.Key == "" {
		return "", Device{}, SAS{}, errors.New("azureiot: connection string: want HostName, DeviceId and SharedAccessKey")
	}
	return host, d, key, nil
}
