"""Who is at the other end of a call: TLS on both sides, callers' tokens and rights, and files that may change."""
