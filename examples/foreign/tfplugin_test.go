package foreign

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/vmihailenco/msgpack/v5"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/gotcp/gotcp/plugins"
)

// terraform is as much of Terraform as it takes to use a provider: it speaks version 5 of Terraform's plugin protocol, by
// the description that the provider's own library carries along.
type terraform struct {
	t    testing.TB
	conn *grpc.ClientConn
	api  protoreflect.ServiceDescriptor
}

// attach connects to a provider that gotcp has started, by what go-plugin calls reattaching.
func attach(t testing.TB, r *plugins.Reattach) *terraform {
	t.Helper()
	c := plugin.NewClient(&plugin.ClientConfig{
		Reattach: r, Plugins: plugin.PluginSet{}, AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Logger: hclog.NewNullLogger(),
	})
	protocol, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	conn := protocol.(*plugin.GRPCClient).Conn
	t.Cleanup(func() { conn.Close() })
	return &terraform{t, conn, describe(t)}
}

// describe reads the protocol's description.
func describe(t testing.TB) protoreflect.ServiceDescriptor {
	t.Helper()
	dir, err := provider.command("list", "-m", "-f", "{{.Dir}}", "github.com/hashicorp/terraform-plugin-sdk")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "internal/tfplugin5/tfplugin5.proto"))
	if err != nil {
		t.Fatal(err)
	}
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{
		Accessor: protocompile.SourceAccessorFromMap(map[string]string{"tfplugin5.proto": string(text)}),
	})}
	files, err := c.Compile(t.Context(), "tfplugin5.proto")
	if err != nil {
		t.Fatal(err)
	}
	return files[0].Services().ByName("Provider")
}

// value is how the protocol carries values: as MessagePack.
type value struct {
	Msgpack []byte `json:"msgpack"`
}

// diagnostic is what a provider has to say about a request.
type diagnostic struct{ Severity, Summary, Detail string }

// answer has the fields of all answers that are looked at.
type answer struct {
	DataSourceSchemas map[string]any
	State             value
	Diagnostics       []diagnostic
}

// call makes a call, whose request is given as JSON would have it.
func (tf *terraform) call(method string, request map[string]any) (a answer) {
	tf.t.Helper()
	m := tf.api.Methods().ByName(protoreflect.Name(method))
	in, out := dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())
	text, err := json.Marshal(request)
	if err == nil {
		err = protojson.Unmarshal(text, in)
	}
	if err == nil {
		err = tf.conn.Invoke(tf.t.Context(), "/"+string(tf.api.FullName())+"/"+method, in, out)
	}
	if err == nil {
		text, err = protojson.Marshal(out)
	}
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	if err != nil {
		tf.t.Fatalf("%s: %v", method, err)
	}
	return a
}

// read reads the provider's data source called http.
func (tf *terraform) read(url string) (body string, complaints []diagnostic) {
	tf.t.Helper()
	config, err := msgpack.Marshal(map[string]any{
		"url": url, "request_headers": map[string]string{"Accept": "text/plain"}, "id": nil, "body": nil,
		"response_headers": nil,
	})
	if err != nil {
		tf.t.Fatal(err)
	}
	a := tf.call("ReadDataSource", map[string]any{"type_name": "http", "config": value{config}})
	var state struct {
		Body string `msgpack:"body"`
	}
	if len(a.State.Msgpack) > 0 {
		if err := msgpack.Unmarshal(a.State.Msgpack, &state); err != nil {
			tf.t.Fatal(err)
		}
	}
	return state.Body, a.Diagnostics
}

// configure does what Terraform does before it reads anything.
func (tf *terraform) configure() {
	tf.t.Helper()
	empty, err := msgpack.Marshal(map[string]any{})
	if err != nil {
		tf.t.Fatal(err)
	}
	if _, ok := tf.call("GetSchema", map[string]any{}).DataSourceSchemas["http"]; !ok {
		tf.t.Fatal("the provider has no data source called http")
	}
	for method, request := range map[string]map[string]any{
		"PrepareProviderConfig": {"config": value{empty}},
		"Configure":             {"config": value{empty}, "terraform_version": "0.12.0"},
	} {
		if d := tf.call(method, request).Diagnostics; len(d) > 0 {
			tf.t.Fatalf("%s: %+v", method, d)
		}
	}
}
