package awsiot

import (
	"runtime"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

// maxUsername is what CONNECT can carry.
const maxUsername = 65535

// addMetrics tells in the user name which SDK connects. The service takes what is behind the last question mark; what
// stands there already, such as the parameters of an authorizer, comes first and wins.
func addMetrics(c *packet.Connect) {
	user, own := c.Username, ""
	if i := strings.LastIndex(user, "?"); i >= 0 {
		user, own = user[:i], user[i+1:]
	}
	q := query(own)
	for _, p := range [][2]string{
		{"SDK", "GneissGo"},
		{"Platform", runtime.GOOS + "-" + runtime.GOARCH},
		{"Metadata", "(IoTSDKVersion=" + version() + ")"},
	} {
		if !q.has(p[0]) {
			q.add(p[0], p[1])
		}
	}
	if name := user + "?" + string(q); len(name) <= maxUsername {
		c.HasUsername, c.Username = true, name
	}
}

// version is the one of this module in the program.
var version = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	return versionIn(info)
})

func versionIn(info *debug.BuildInfo) string {
	const path = "github.com/gneiss-mqtt/gneiss-go/builders/aws"
	for _, m := range info.Deps {
		if m.Path == path && strings.HasPrefix(m.Version, "v") {
			return m.Version[1:]
		}
	}
	return "devel"
}
