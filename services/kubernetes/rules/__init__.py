"""What rendered objects have to be like: one module per concern, each a function from objects to findings."""
