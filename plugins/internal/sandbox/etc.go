package sandbox

import (
	"fmt"
	"os"
	"strings"
)

// etcFiles are the files in /etc that the program sees in the place of the system's.
func etcFiles(cfg *Config) []etcFile {
	files := []etcFile{
		{Path: "/etc/resolv.conf", Text: resolvConf(), Needed: true},
		{Path: "/etc/hosts", Text: hostsFile(cfg)},
	}
	if text, err := os.ReadFile("/etc/nsswitch.conf"); err == nil {
		files = append(files, etcFile{Path: "/etc/nsswitch.conf", Text: switchConf(string(text))})
	}
	return files
}

// resolvConf names the one name server.
func resolvConf() string { return fmt.Sprintf("nameserver %v\n", Gateway) }

// hostsFile has localhost, as programs expect it, and the machine's name, which is the program's own address here.
func hostsFile(cfg *Config) string {
	text := "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
	if name, err := os.Hostname(); err == nil && cfg.Address.IsValid() {
		text += fmt.Sprintf("%v %s\n", cfg.Address.Addr(), name)
	}
	return text + cfg.Hosts
}

// switchConf is an nsswitch.conf whose hosts come from the files and the DNS only: other modules ask processes outside.
func switchConf(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if key, _, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "hosts" {
			continue
		}
		b.WriteString(line)
	}
	return strings.TrimRight(b.String(), "\n") + "\nhosts: files dns\n"
}

// waysOut are sockets of processes that would look a name up for the program, or start another program, outside of its
// namespaces. They are covered. $ stands for the user.
var waysOut = []string{
	"/run/nscd/socket", "/var/run/nscd/socket", "/run/avahi-daemon/socket",
	"/run/systemd/resolve/io.systemd.Resolve", "/run/systemd/resolve/io.systemd.Resolve.Monitor",
	"/run/systemd/private", "/run/systemd/io.systemd.ManagedOOM", "/run/systemd/machine/io.systemd.Machine",
	"/run/dbus/system_bus_socket", "/var/run/dbus/system_bus_socket",
	"/run/docker.sock", "/var/run/docker.sock", "/run/containerd/containerd.sock", "/run/crio/crio.sock",
	"/run/podman/podman.sock", "/run/libvirt/libvirt-sock", "/run/snapd.socket",
	"/run/user/$/bus", "/run/user/$/systemd/private", "/run/user/$/podman/podman.sock", "/run/user/$/docker.sock",
}
