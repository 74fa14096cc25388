"""What is promised of Aisle in a cluster, measured without one: `python -m services.benchmarks.k8s`."""
