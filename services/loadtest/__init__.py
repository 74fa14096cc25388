"""The load-testing harness: an open loop that says when it can't be believed. docs/loadtest.md tells how to use it."""
