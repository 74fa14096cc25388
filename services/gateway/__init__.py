"""The gateway: a shopper's photo in, the right products out, within the caller's deadline.

A photo's way through this package: `servicer` (converts) -> `answering.search` (the use case) -> `services.photo`,
`peers.model_replicas` -> `answering.routing` -> `answering.gathering` -> `peers.searcher_client` -> `answering.merging`
-> `answering.coverage` -> back through `servicer`. Photos of one stream take this way side by side (`streaming`).

    server       starts a gateway: puts together what `composition` makes of its settings (`config`)
    watching     what operators see
    following    which snapshot is served
    peers        searchers and Tritons: where they are, and the calls to them
    answering    one photo's way; knows no gRPC
    replicas     which of several is asked; knows no gRPC

Each may import what stands below it, and an import linter holds that.
"""
