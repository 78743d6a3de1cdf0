// Package oracle runs packet scripts on Linux's own TCP, so that a script that is wrong about TCP is found out.
//
// Each script gets a network namespace of its own with a TUN device, whose other end is the script, and the sysctls
// that turn off what gotcp has not got (see sysctls). It runs in real time, with real system calls, and with a few
// milliseconds of tolerance.
package oracle
