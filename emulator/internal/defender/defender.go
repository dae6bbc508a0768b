// Package defender takes the metrics reports of Device Defender in the emulator, and says whether they are well-formed.
// Nothing is made of them.
package defender

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator/internal/service"
)

// Service answers reports. It keeps nothing.
type Service struct{}

type accepted struct {
	ThingName string `json:"thingName"`
	ReportID  int64  `json:"reportId"`
	Status    string `json:"status"`
	Timestamp int64  `json:"timestamp"` // milliseconds, here alone
}

type rejected struct {
	ThingName string  `json:"thingName"`
	Status    string  `json:"status"`
	Details   details `json:"statusDetails"`
	Timestamp int64   `json:"timestamp"`
}

type details struct {
	Code    string `json:"ErrorCode"`
	Message string `json:"ErrorMessage"`
}

// parseTopic reads $aws/things/{thing}/defender/metrics/{format}.
func parseTopic(topic string) (thing string, f service.Format, ok bool) {
	rest, f, named := service.CutFormat(topic)
	l := strings.Split(rest, "/")
	if !named || len(l) != 5 || l[0] != "$aws" || l[1] != "things" || l[3] != "defender" || l[4] != "metrics" {
		return "", f, false
	}
	return l[2], f, true
}

// Handle answers a report.
func (*Service) Handle(r *service.Request) (out []service.Message, ours bool) {
	thing, f, ok := parseTopic(r.Topic)
	if !ok {
		return nil, false
	}
	m, err := f.Decode(r.Payload)
	id, valid := reportID(m)
	if err != nil || !valid {
		return []service.Message{reject(r, thing, f, "InvalidPayload", "Malformed metrics report")}, true
	}
	body := accepted{thing, id, "ACCEPTED", r.Now.UnixMilli()}
	return []service.Message{service.Reply(r, r.Topic+"/accepted", f.Encode(body))}, true
}

// Refuse answers a request with a code of the caller's choice.
func (*Service) Refuse(r *service.Request, code, message string) ([]service.Message, bool) {
	thing, f, ok := parseTopic(r.Topic)
	if !ok {
		return nil, false
	}
	return []service.Message{reject(r, thing, f, code, message)}, true
}

func reject(r *service.Request, thing string, f service.Format, code, message string) service.Message {
	body := rejected{thing, "REJECTED", details{code, message}, r.Now.UnixMilli()}
	return service.Reply(r, r.Topic+"/rejected", f.Encode(body))
}

// reportID finds the report's identifier, and whether there is all that a report must have: a header of version 1.0, and
// metrics or custom metrics. Names may be long or short.
func reportID(m map[string]any) (id int64, valid bool) {
	header, _ := either(m, "header", "hed").(map[string]any)
	version, _ := either(header, "version", "v").(string)
	_, metrics := either(m, "metrics", "met").(map[string]any)
	_, custom := either(m, "custom_metrics", "cmet").(map[string]any)
	id, integer := integer(either(header, "report_id", "rid"))
	return id, integer && version == "1.0" && (metrics || custom)
}

func either(m map[string]any, long, short string) any {
	if v, there := m[long]; there {
		return v
	}
	return m[short]
}

// integer reads a number of JSON or CBOR.
func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		return n, err == nil
	case uint64:
		return int64(v), v <= 1<<63-1
	case int64:
		return v, true
	}
	return 0, false
}

// NextWake reports that the service does nothing by itself.
func (*Service) NextWake() (time.Time, bool) { return time.Time{}, false }

// Wake does nothing.
func (*Service) Wake(time.Time) []service.Message { return nil }
