// Package likenet has what package net does without exporting it: the bounds of a dial, the forms of addresses, errors
// that it has no names for. It is for those who write a network that is to be like package net's, as netapi's own are,
// or one around another, as package guard's is.
package likenet
