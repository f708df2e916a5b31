// Package faults shows what a function gets when something around the extension
// breaks: Secrets Manager, the network, the clock, the disk. Its tests run the
// layer's binary in a fake Lambda, once for every fault and every phase of its life,
// and docs/faults.md is the table of what they saw.
//
// The binary is built against a changed standard library, whose clock, disk and file
// of hosts the tests rule: see build_test.go. No line of the extension itself knows
// of that. They need Linux, as Lambda does, and no root.
package faults
