package plugins

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFindCookie: a binary's cookie is found wherever its variable's name lies, also across two blocks that are read.
func TestFindCookie(t *testing.T) {
	key := "TF_PLUGIN_MAGIC_COOKIE"
	for _, at := range []int{0, 1<<20 - 5, 1 << 20, 2<<20 - 3} {
		path := filepath.Join(t.TempDir(), "binary")
		data := append(bytes.Repeat([]byte{'x'}, at), key+"\x00and more"...)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := FindCookie(path)
		if err != nil || c.Host != "terraform" || c.Key != key {
			t.Errorf("at %d: %+v, %v", at, c, err)
		}
	}
	path := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(path, []byte("no plugin"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := FindCookie(path); !errors.Is(err, ErrNoCookie) || !strings.Contains(err.Error(), "--cookie") {
		t.Errorf("a binary without: %v", err)
	}
	if _, err := FindCookie(path + "-that-isn't-there"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no binary: %v", err)
	}
}

// TestMadeHere: this test is made with the package, and go isn't.
func TestMadeHere(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if made, err := MadeHere(exe); !made || err != nil {
		t.Errorf("this binary: %v, %v", made, err)
	}
	if made, err := MadeHere("/bin/sh"); made || err != nil {
		t.Errorf("a shell: %v, %v", made, err)
	}
}

// TestCookieOf: by a host's name, or as the variable and its value.
func TestCookieOf(t *testing.T) {
	if c, err := CookieOf("vault"); err != nil || c.Key != "VAULT_BACKEND_PLUGIN" {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := CookieOf("MY_PLUGIN=yes"); err != nil || c.Key != "MY_PLUGIN" || c.Value != "yes" || c.Versions != nil {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := CookieOf("BASIC_PLUGIN=other"); err != nil || c.Value != "other" || len(c.Versions) == 0 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, text := range []string{"", "=", "x", "x=", "=y"} {
		if _, err := CookieOf(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
