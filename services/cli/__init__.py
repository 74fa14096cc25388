"""The command `aisle`, and the supervisor that runs the whole system as processes of one machine."""
