// Package likenet has what package net does without exporting it, for the networks of this module, which are to be like
// it: the bounds of a dial, the forms of addresses, errors that it has no names for.
package likenet
