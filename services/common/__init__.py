"""Runtime plumbing that every process shares: settings, errors, interceptors, lifecycle, logs."""
