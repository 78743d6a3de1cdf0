package site

import (
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestDownload: what a client gets has the length it asked for, and the digest in the trailer is that of the octets.
func TestDownload(t *testing.T) {
	s := httptest.NewServer(Handler())
	defer s.Close()
	for size, want := range map[string]int64{"0": 0, "1": 1, "65536": 65536, "200001": 200001, "": 1 << 20} {
		resp, err := http.Get(s.URL + "/download?size=" + size)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.New()
		n, err := io.Copy(sum, resp.Body)
		if n != want || err != nil {
			t.Errorf("size %q: %d octets, %v", size, n, err)
		}
		if d := resp.Trailer.Get("Content-Digest"); d != Digest(sum.Sum(nil)) {
			t.Errorf("size %q: digest %q", size, d)
		}
		resp.Body.Close()
	}
	resp, err := http.Get(s.URL + "/download?size=-1")
	if err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a negative size: %v, %v; want 400", resp, err)
	}
}

// TestUpload: the answer's digest is that of the octets sent, so that a client can compare.
func TestUpload(t *testing.T) {
	s := httptest.NewServer(Handler())
	defer s.Close()
	sum := sha256.New()
	resp, err := http.Post(s.URL+"/upload", "", io.TeeReader(Content(200001), sum))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	if d := resp.Header.Get("Content-Digest"); d != Digest(sum.Sum(nil)) || !strings.HasPrefix(string(body), "200001 ") {
		t.Errorf("digest %q, body %q", d, body)
	}
}

// TestContentBlocksDiffer: a block in another's place must show.
func TestContentBlocksDiffer(t *testing.T) {
	all, _ := io.ReadAll(Content(4 * 64 << 10))
	seen := map[[32]byte]bool{}
	for i := 0; i < len(all); i += 64 << 10 {
		seen[sha256.Sum256(all[i:i+64<<10])] = true
	}
	if len(seen) != 4 {
		t.Errorf("of 4 blocks %d differ", len(seen))
	}
}
