package engine

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gneiss-mqtt/gneiss-go/core/packet"
)

var update = flag.Bool("update", false, "write what the engine does into the transcripts of testdata/script")

// TestScripts plays the transcripts in testdata/script. Each shows one rule. A line is something that happens to the
// engine; the lines below it, which start with > = ! or @, are everything that the engine answers:
//
//	config version=5 strict ack_timeout=5s   fields of Config; version=both: MQTT 5 and 3.1.1 give the same
//	open clean_start keep_alive=60           fields of CONNECT (client_id=c if none is named), and deadline=30s
//	< CONNACK receive_maximum=2              the broker sends a packet; "< hex 20 02" sends bytes
//	<+ PUBACK id=1                           the broker sends this together with the next line that starts with <
//	publish p1 topic=a qos=1 payload=x       an operation with a name; also subscribe and unsubscribe
//	cancel p1
//	ack t1 code=0x87 reason=no               the application acknowledges a message
//	at 1.5s                                  the time is now this
//	until 60s                                the driver ticks whenever Wake says so, up to this time
//	tick                                     once, now
//	hold                                     the driver does not take bytes any more, until it is told to
//	take | wrote 10 | wrote all              it takes the bytes; so many of them have left
//	close | disconnect code=0x04             the transport has ended | fields of DISCONNECT
//	drop_session | abandon | auth code=0x18 data=x
//	pause on | pause off                     the driver holds back messages at QoS 1 and 2
//	fail code=0x80                           the driver ends the connection
//	crash                                    the process ends; the next one has what was stored (config durable)
//	damage message 3                         what is stored of submission 3 cannot be read any more
//	wake | stats | negotiated                ask
//
//	> PUBLISH qos=1 id=1 topic=a payload=x   a packet for the broker
//	= message t1 topic=a qos=1               for the application
//	= p1 done code=0x10                      the operation is over
//	! mqtt: ...                              the connection has to end
//	@ 60s                                    the time at which the lines below it happened
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/script/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			checkScript(t, file, string(text))
		})
	}
}

// checkScript plays a transcript for each of its versions, with the broker's bytes as they come and one at a time: the
// way in which the stream is cut must not matter.
func checkScript(t *testing.T, file, text string) {
	versions := []packet.Version{packet.V5}
	switch {
	case strings.Contains(text, "\nconfig version=both"):
		versions = append(versions, packet.V311)
	case strings.Contains(text, "\nconfig version=3"):
		versions = []packet.Version{packet.V311}
	}
	for _, version := range versions {
		got := playScript(t, file, text, version, false)
		if *update && version == versions[0] {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			text = got
		}
		if got != text {
			t.Errorf("%s, %v: %s", file, version, firstDifference(text, got))
		}
		if split := playScript(t, file, text, version, true); split != text {
			t.Errorf("%s, %v, byte by byte: %s", file, version, firstDifference(text, split))
		}
	}
}

// playScript returns the transcript with the output that the engine really gives.
func playScript(t *testing.T, file, text string, version packet.Version, split bool) string {
	s := &script{t: t, file: file, version: version, split: split, names: map[*Op]string{}, ops: map[string]*Op{},
		store: map[uint64][]byte{}, bySeq: map[uint64]string{}}
	for line := range strings.Lines(text) {
		s.line++
		line = strings.TrimRight(line, "\n")
		if line != "" && strings.ContainsRune(">=!@", rune(line[0])) {
			continue
		}
		s.print("%s", line)
		if words := s.words(line); len(words) > 0 {
			s.do(words)
			s.collect()
			if s.e != nil {
				inspect(t, s.e)
			}
		}
	}
	return s.out.String()
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return "line " + itoa(i+1) + ":\n  want " + w[i] + "\n  got  " + g[i]
		}
	}
	return "one ends after line " + itoa(min(len(w), len(g)))
}

// TestScriptMarkers holds every transcript to its form: the rule in words at its head, and the markers by which it is
// found.
func TestScriptMarkers(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/script/*.txt")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(string(text), "\n\n")
		rule := strings.HasPrefix(head, "# ") && !strings.HasPrefix(head, "# Conformance:") && !strings.HasPrefix(head, "# Failure:")
		if !rule {
			t.Errorf("%s does not start with its rule", file)
		}
		for line := range strings.Lines(head) {
			if !strings.HasPrefix(line, "# ") && line != "#\n" {
				t.Errorf("%s: %q before the first empty line", file, line)
			}
		}
		if !strings.Contains(string(text), "\n>") && !strings.Contains(string(text), "\n=") && !strings.Contains(string(text), "\n!") {
			t.Errorf("%s shows nothing", file)
		}
	}
}
