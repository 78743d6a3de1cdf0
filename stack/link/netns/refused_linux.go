package netns

// Refused is the [Error] for a program that does by itself what [Reexec] does, and whose child the kernel denied
// namespaces: err is what starting it gave.
func Refused(err error) error { return &Error{Err: err, Hint: cloneHint(err)} }

// Powerless is the [Error] for such a child that has namespaces of its own, but may do nothing in them: err is what it
// met with.
func Powerless(err error) error { return &Error{Err: err, Hint: capsHint()} }
