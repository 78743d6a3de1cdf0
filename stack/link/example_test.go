package link_test

import (
	"fmt"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/internal/craft"
)

// A link that loses the third packet that is sent on it.
func ExampleImpair() {
	near, far := link.Pipe(1500)
	sent := 0
	dev := link.Impair(near, link.Impairment{Hook: func(dir link.Direction, packet []byte) link.Action {
		if dir == link.Out {
			sent++
		}
		return link.Action{Drop: dir == link.Out && sent == 3}
	}}, nil)

	dev.Attach(func(*link.Frame) {})
	far.Attach(func(f *link.Frame) { fmt.Printf("%s ", f.Head[28:]) })
	flow := craft.NewFlow("10.0.0.1:1000", "10.0.0.2:2000")
	for i := range 5 {
		dev.Write(&link.Frame{Head: flow.UDP(fmt.Append(nil, i+1))})
	}
	dev.Close()
	// Output: 1 2 4 5
}

// An impairment in the text form of --net.
func ExampleImpairment_Set() {
	var i link.Impairment
	for _, kv := range [][2]string{{"loss", "1%"}, {"delay", "20ms"}, {"rate", "100mbit"}, {"loss", "lots"}} {
		if _, err := i.Set(kv[0], kv[1]); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(i)
	// Output:
	// loss=lots: not a percentage: write one such as 1% or 0.1%
	// loss=1%,delay=20ms,rate=100mbit
}
