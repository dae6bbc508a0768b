package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// maxSize bounds what is downloaded, in bytes.
const maxSize = 1 << 30

// download gets a file with a digest, and goes on where an earlier download of it ended. It tries again, up to ten times
// without any progress.
func download(ctx context.Context, url, digest, name string, progress func(percent int64)) error {
	part, err := os.OpenFile(name+".part", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer part.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, part) // of what is there already
	if err != nil {
		return err
	}
	for failures := 0; ; {
		n, err := fetch(ctx, url, size, io.MultiWriter(part, sum), progress)
		if size += n; n > 0 {
			failures = 0
		}
		if err == nil {
			break
		}
		if failures++; ctx.Err() != nil || failures == 10 || errors.Is(err, errFinal) {
			return err
		}
		select {
		case <-time.After(time.Duration(failures) * 500 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	if got := hex.EncodeToString(sum.Sum(nil)); !strings.EqualFold(got, digest) {
		return errors.Join(fmt.Errorf("the digest is %s, not %s", got, digest), os.Remove(part.Name()))
	}
	return errors.Join(part.Sync(), os.Rename(part.Name(), name))
}

var errFinal = errors.New("the server refuses")

// fetch gets the rest of a file behind its first bytes.
func fetch(ctx context.Context, url string, have int64, to io.Writer, progress func(int64)) (n int64, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errFinal, err)
	}
	request.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	total := have + response.ContentLength
	if response.ContentLength < 0 {
		total = 0 // not told
	}
	switch {
	case response.StatusCode == http.StatusRequestedRangeNotSatisfiable && have > 0:
		return 0, nil // all is there; the digest will tell
	case response.StatusCode == http.StatusOK && have > 0: // it knows nothing of ranges
		total = max(response.ContentLength, 0)
		if _, err := io.CopyN(io.Discard, response.Body, have); err != nil {
			return 0, err
		}
	case response.StatusCode >= 500:
		return 0, errors.New(response.Status)
	case response.StatusCode != http.StatusOK && response.StatusCode != http.StatusPartialContent:
		return 0, fmt.Errorf("%w: %s", errFinal, response.Status)
	}
	if total > maxSize {
		return 0, fmt.Errorf("%w: %d bytes are too many", errFinal, total)
	}
	body := io.LimitReader(response.Body, maxSize-have)
	for {
		m, err := io.CopyN(to, body, 64<<10)
		if n += m; total > 0 {
			progress((have + n) * 100 / total)
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}
