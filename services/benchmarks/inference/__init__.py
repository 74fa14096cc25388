"""`python -m services.benchmarks.inference`: what a model costs on the CPU and what it finds, by how it is run."""
