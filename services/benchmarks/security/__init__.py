"""What TLS costs, and that changing certificates and tokens under load costs no call."""
