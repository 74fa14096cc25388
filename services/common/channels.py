"""Options of gRPC servers and channels: message sizes, keepalive that finds hung peers, retries that fit photos."""

import json

ChannelOptions = tuple[tuple[str, int | str], ...]

# The largest photo accepted, encoded; a gateway may be told otherwise.
MAX_PHOTO_BYTES = 20_000_000
# The rest is room for the other fields and for being told politely that a photo is too large.
MAX_MESSAGE_BYTES = 24_000_000


def server_options() -> ChannelOptions:
    """Return the options of every server."""
    return (
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        # Two processes must never share a port by accident: half of the calls would go to the wrong one.
        ("grpc.so_reuseport", 0),
        # DNS is asked again only on disconnect, so a channel must end now and then for new pods to get their share.
        ("grpc.max_connection_age_ms", 60_000),
        ("grpc.max_connection_age_grace_ms", 30_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
        ("grpc.keepalive_permit_without_calls", 1),
    )


def channel_options(service_config: dict[str, object] | None = None) -> ChannelOptions:
    """Return the options of every channel.

    Args:
        service_config: gRPC's service config, for example with a retry policy; none by default.
    """
    options: ChannelOptions = (
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        # `keepalive_timeout_ms` alone does not find a stopped peer: the ping timeout (60 s by default) overrides it.
        ("grpc.keepalive_time_ms", 10_000),
        ("grpc.keepalive_timeout_ms", 1_000),
        ("grpc.http2.ping_timeout_ms", 1_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        # A bandwidth probe that a draining server has not read when it closes makes the kernel reset the connection,
        # and answers that were sent are lost (16 of 300 drains under load, none without the probe).
        ("grpc.http2.bdp_probe", 0),
        # Above this size gRPC silently stops retrying; a photo is larger than the default of 256 kB.
        ("grpc.per_rpc_retry_buffer_size", MAX_MESSAGE_BYTES),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        # While one of two replicas restarts, the other must not be told to end before this one is found again.
        ("grpc.max_reconnect_backoff_ms", 300),
    )
    if service_config is None:
        return options
    return (*options, ("grpc.service_config", json.dumps(service_config)))
