package netns

// SetFailure has Require see another reason, or none.
func SetFailure(err error) { errNotInside = err }

// Failure is the reason that Require sees.
func Failure() error { return errNotInside }
