"""The gateway: a shopper's photo in, the right products out, within the caller's deadline.

A photo's way through this package: `servicer` (converts) -> `search` (the use case) -> `services.photo` and
`services.models` -> `routing` -> `searcher_client` -> `merging` -> `coverage` -> back through `servicer`. Photos of one
stream take this way side by side (`streaming`).
"""
