// Package site is a small web site: a greeting, a download of any size and an upload, both with a digest to check them
// by. It knows net/http and nothing of the network that it is served on.
package site

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
)

// MaxSize is the largest download, in octets.
const MaxSize = 1 << 40

// Handler serves the site:
//
//	GET /              a greeting that names both ends of the connection
//	GET /download?size=N   N octets (1 MiB where no size is given), with their digest in a trailer
//	POST /upload       takes any body and answers with its length and digest
//
// Digests are in the field Content-Digest (RFC 9530).
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", greet)
	mux.HandleFunc("GET /download", download)
	mux.HandleFunc("POST /upload", upload)
	return mux
}

func greet(w http.ResponseWriter, r *http.Request) {
	here, _ := r.Context().Value(http.LocalAddrContextKey).(fmt.Stringer)
	fmt.Fprintf(w, "Hello %s, this is %v.\n", r.RemoteAddr, here)
}

func download(w http.ResponseWriter, r *http.Request) {
	size := int64(1 << 20)
	if s := r.FormValue("size"); s != "" {
		var err error
		if size, err = strconv.ParseInt(s, 10, 64); err != nil || size < 0 || size > MaxSize {
			http.Error(w, fmt.Sprintf("size is a number of octets, at most %d", int64(MaxSize)), http.StatusBadRequest)
			return
		}
	}
	w.Header().Set("Trailer", "Content-Digest")
	w.Header().Set("Content-Type", "application/octet-stream")
	sum := sha256.New()
	if _, err := io.Copy(w, io.TeeReader(Content(size), sum)); err != nil {
		panic(http.ErrAbortHandler) // the client must not take what it has for all
	}
	w.Header().Set("Content-Digest", Digest(sum.Sum(nil)))
}

func upload(w http.ResponseWriter, r *http.Request) {
	sum := sha256.New()
	n, err := io.Copy(sum, r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Digest", Digest(sum.Sum(nil)))
	fmt.Fprintf(w, "%d octets, sha-256 %x\n", n, sum.Sum(nil))
}

// Digest is a SHA-256 sum as the field Content-Digest has it.
func Digest(sum []byte) string {
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum) + ":"
}

// Content is a stream of n octets: noise of which no two blocks are the same, so that a block lost, doubled or out of
// place shows in the digest. Streams of the same length are equal.
func Content(n int64) io.Reader {
	c := &content{}
	rand.NewChaCha8([32]byte{'g', 'o', 't', 'c', 'p'}).Read(c.block[:])
	return io.LimitReader(c, n)
}

type content struct {
	block [64 << 10]byte
	at    int64 // octets given
}

func (c *content) Read(p []byte) (int, error) {
	off := int(c.at % int64(len(c.block)))
	if off == 0 {
		binary.BigEndian.PutUint64(c.block[:], uint64(c.at))
	}
	n := copy(p, c.block[off:])
	c.at += int64(n)
	return n, nil
}
