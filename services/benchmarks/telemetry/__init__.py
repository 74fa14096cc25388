"""What metrics, traces and logs cost."""
