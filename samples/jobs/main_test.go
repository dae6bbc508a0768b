package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gneiss-mqtt/gneiss-go/emulator"
	"github.com/gneiss-mqtt/gneiss-go/emulator/iotcore"
	"github.com/gneiss-mqtt/gneiss-go/samples/internal/lab"
)

// wants waits until an execution stands so.
func wants(t *testing.T, srv *emulator.Server, p *lab.Program, id string, want iotcore.ExecutionStatus) iotcore.JobExecution {
	t.Helper()
	var x iotcore.JobExecution
	lab.Until(t, func() bool {
		var err error
		x, err = srv.JobExecution(id, "lamp-7")
		return err == nil && x.Status == want
	}, func() string { return fmt.Sprintf("%s is %+v\n%s", id, x, p.Output()) })
	return x
}

func TestJobs(t *testing.T) {
	t.Parallel()
	firmware := bytes.Repeat([]byte("firmware"), 100_000)
	sum := sha256.Sum256(firmware)
	var requests atomic.Int32
	stuck := make(chan struct{})
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/missing":
			http.NotFound(w, r)
			return
		case r.URL.Path == "/stuck":
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			select {
			case <-stuck:
			case <-r.Context().Done():
			}
			return
		case requests.Add(1) <= 2: // the connection breaks in the middle, twice
			w = &breaking{w, 200_000}
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(firmware))
	}))
	defer files.Close()
	defer close(stuck)

	srv := lab.Start(t)
	dir := t.TempDir()
	create := func(id, path, digest string) {
		document := fmt.Appendf(nil, `{"url":%q,"sha256":%q}`, files.URL+path, digest)
		if err := srv.CreateJob(iotcore.Job{ID: id, Document: document, Things: []string{"lamp-7"}}); err != nil {
			t.Fatal(err)
		}
	}
	create("update-1", "/firmware", hex.EncodeToString(sum[:]))
	args := append(lab.Device(t, srv, "lamp-7"), "-thing", "lamp-7", "-dir", dir)
	p := lab.Run(t, run, args...)
	x := wants(t, srv, p, "update-1", "SUCCEEDED")
	if x.StatusDetails["percent"] != "100" {
		t.Errorf("got %v", x.StatusDetails)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "update-1")); err != nil || !bytes.Equal(got, firmware) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if n := requests.Load(); n != 3 {
		t.Errorf("%d requests", n)
	}
	create("wrong-digest", "/firmware", hex.EncodeToString(make([]byte, 32)))
	wants(t, srv, p, "wrong-digest", "FAILED")
	create("missing", "/missing", hex.EncodeToString(sum[:]))
	wants(t, srv, p, "missing", "FAILED")
	create("nonsense", "", "")
	wants(t, srv, p, "nonsense", "REJECTED")

	create("stuck", "/stuck", hex.EncodeToString(sum[:]))
	p.Prints("stuck: downloading")
	if err := srv.CancelJob("stuck", true); err != nil {
		t.Fatal(err)
	}
	p.Prints("stuck: jobs: stuck is CANCELED")

	create("later", "/stuck", hex.EncodeToString(sum[:])) // stopped in the middle: the next start goes on
	p.Prints("later: downloading")
	_ = p.Stop()
	wants(t, srv, p, "later", "IN_PROGRESS")
	p = lab.Run(t, run, args...)
	p.Prints("later: downloading")
}

// breaking ends the connection after some bytes.
type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		panic(http.ErrAbortHandler)
	}
	return b.ResponseWriter.Write(p)
}
