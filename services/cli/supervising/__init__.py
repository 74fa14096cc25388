"""The whole system as processes of one machine: how each is run, started, watched, started again and ended."""
