// Package parity asks the kernel's network and a stack's the same questions, about everything that a program can see of
// package net, and compares the answers.
package parity
