package awsiot

import (
	"strings"
	"testing"
)

func TestHost(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]struct {
		name   string
		port   int
		kind   hostKind
		region string
	}{
		"a1b2-ats.iot.eu-west-1.amazonaws.com":           {"a1b2-ats.iot.eu-west-1.amazonaws.com", 0, hostData, "eu-west-1"},
		"A1B2-ATS.IoT.eu-west-1.amazonaws.com:8883":      {"a1b2-ats.iot.eu-west-1.amazonaws.com", 8883, hostData, "eu-west-1"},
		"a1b2.iot.eu-west-1.amazonaws.com":               {"a1b2.iot.eu-west-1.amazonaws.com", 0, hostLegacy, "eu-west-1"},
		"a1b2.ats.iot.cn-north-1.amazonaws.com.cn":       {"a1b2.ats.iot.cn-north-1.amazonaws.com.cn", 0, hostData, "cn-north-1"},
		"data.iot-fips.us-gov-west-1.amazonaws.com":      {"data.iot-fips.us-gov-west-1.amazonaws.com", 0, hostData, "us-gov-west-1"},
		"a1b2-ats.iot.us-east-1.api.aws":                 {"a1b2-ats.iot.us-east-1.api.aws", 0, hostData, "us-east-1"},
		"vpce-1-2.data.iot.us-east-1.vpce.amazonaws.com": {"vpce-1-2.data.iot.us-east-1.vpce.amazonaws.com", 0, hostData, "us-east-1"},
		"a1b2.credentials.iot.ap-south-1.amazonaws.com":  {"a1b2.credentials.iot.ap-south-1.amazonaws.com", 0, hostCredentials, "ap-south-1"},
		"a1b2.jobs.iot.ap-south-1.amazonaws.com":         {"a1b2.jobs.iot.ap-south-1.amazonaws.com", 0, hostJobs, "ap-south-1"},
		"iot.example.org":                                {"iot.example.org", 0, hostCustom, ""},
		"a.iot.eu-west-1.example.org":                    {"a.iot.eu-west-1.example.org", 0, hostCustom, ""},
		"iot.eu-west-1.amazonaws.com":                    {"iot.eu-west-1.amazonaws.com", 0, hostCustom, ""},
		"localhost:8443":                                 {"localhost", 8443, hostCustom, ""},
		"127.0.0.1":                                      {"127.0.0.1", 0, hostCustom, ""},
		"::1":                                            {"::1", 0, hostCustom, ""},
		"[::1]":                                          {"::1", 0, hostCustom, ""},
		"[::1]:443":                                      {"::1", 443, hostCustom, ""},
		"a.credentials.iot.eu-west-1.amazonaws.com.evil.example.org": {"a.credentials.iot.eu-west-1.amazonaws.com.evil.example.org", 0, hostCustom, ""},
	} {
		h, err := parseHost(endpoint)
		if err != nil || h.name != want.name || h.port != want.port || h.kind != want.kind || h.region != want.region {
			t.Errorf("%s: got %+v, %v", endpoint, h, err)
		}
	}
	for _, endpoint := range []string{"", ":443", "a:b", "a:0", "a:65536", "a:", "a b", "a/b", "a@b", "a?b", "https://a", "[::1", "a:1:2"} {
		if h, err := parseHost(endpoint); err == nil || !strings.HasPrefix(err.Error(), "awsiot: ") {
			t.Errorf("%q: got %+v, %v", endpoint, h, err)
		}
	}
}

// What is signed is what is sent as Host.
func TestAuthority(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		endpoint string
		port     int
		want     string
	}{{"a.b", 443, "a.b"}, {"a.b", 8443, "a.b:8443"}, {"::1", 443, "[::1]"}, {"::1", 8443, "[::1]:8443"}} {
		h, err := parseHost(c.endpoint)
		if err != nil {
			t.Fatal(err)
		}
		if got := h.authority(c.port); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}
