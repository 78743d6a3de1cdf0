// Package bench measures a stack against the kernel: the same client and server, over package net's interfaces, run on
// two ways ([Side]) in turn, and what counts is the ratio of each pair of runs. On a machine that others use, too, the
// figures of one run tell little; a ratio of two runs in the same second tells more, and the spread of several such
// ratios tells how much.
package bench
