package tcp

// State is a connection's state (RFC 9293 3.3.2), numbered as Linux's tcpi_state is.
type State uint8

// The states. CLOSED is also the zero TCB's, before it is opened.
const (
	Established State = iota + 1
	SynSent
	SynReceived
	FinWait1
	FinWait2
	TimeWaitState
	Closed
	CloseWait
	LastAck
	Listen
	Closing
)

var stateNames = [...]string{"CLOSED", "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT",
	"CLOSED", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING"}

// String is the RFC's name of the state.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "INVALID"
}

// synchronized reports whether both ends know each other's sequence numbers (RFC 9293 3.3.2).
func (s State) synchronized() bool {
	switch s {
	case 0, Closed, Listen, SynSent, SynReceived:
		return false
	}
	return true
}

// canReceive reports whether the peer may still send data: it has not sent FIN.
func (s State) canReceive() bool {
	return s == Established || s == FinWait1 || s == FinWait2
}

// Events tells what has changed for the user, or what holds.
type Events uint8

const (
	Readable Events = 1 << iota // Read would give data, EOF or an error
	Writable                    // Write would take octets or give an error
	Opened                      // the connection has become ESTABLISHED, or died before it was (Err says why)
	Dead                        // the state is CLOSED or TIME-WAIT: once Poll returns false, nothing more will be sent
	Urgent                      // urgent data was announced, with none pending before (RFC 9293 MUST-32)
)
