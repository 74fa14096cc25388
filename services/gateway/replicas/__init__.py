"""Which of several replicas is asked, and which second one when the first is slow or lost. Knows no gRPC."""
