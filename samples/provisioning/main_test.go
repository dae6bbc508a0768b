package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
	"github.com/gneiss-mqtt/gneiss-go/samples/internal/lab"
)

// template makes a thing of a serial number, as a template in an account does.
const template = `{
	"Parameters": {"SerialNumber": {"Type": "String"}, "AWS::IoT::Certificate::Id": {"Type": "String"}},
	"Resources": {
		"thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Fn::Join": ["", ["pump-", {"Ref": "SerialNumber"}]]}}},
		"certificate": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"}},
		"policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iot:*\",\"Resource\":\"*\"}]}"}}
	},
	"DeviceConfiguration": {"site": "north"}
}`

func TestProvisioning(t *testing.T) {
	t.Parallel()
	srv := lab.Start(t)
	if err := srv.PutProvisioningTemplate(iotcore.ProvisioningTemplate{Name: "fleet", Body: template}); err != nil {
		t.Fatal(err)
	}
	for serial, way := range map[string]string{"1": "-own-key=false", "2": "-own-key"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			claim, err := srv.ProvisioningClaim("fleet")
			if err != nil {
				t.Fatal(err)
			}
			claim.Thing = "claim"
			files, err := claim.Write(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(t.TempDir(), "identity")
			args := []string{"-endpoint", srv.Endpoint(), "-ca", files.CA, "-cert", files.Cert, "-key", files.Key,
				"-dir", dir, "-param", "SerialNumber=" + serial, way}
			p := lab.Run(t, run, args...)
			if err := p.Wait(); err != nil {
				t.Fatal(err, p.Output())
			}
			p.Prints("connected with the claim")
			p.Prints("connected as pump-" + serial + ", configured with map[site:north]")
			again := lab.Run(t, run, args...)
			if err := again.Wait(); err != nil || strings.Contains(again.Output(), "claim") {
				t.Errorf("%v\n%s", err, again.Output())
			}
		})
	}
}
