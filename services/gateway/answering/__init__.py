"""One photo's way from bytes to products, decided and carried out within a budget. Knows no gRPC: see `search`."""
