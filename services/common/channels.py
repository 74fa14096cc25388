"""Options of gRPC servers and channels: message sizes, keepalive that finds hung peers, retries that fit photos."""

import json

ChannelOptions = tuple[tuple[str, int | str], ...]

# The largest photo accepted, encoded; a gateway may be told otherwise.
MAX_PHOTO_BYTES = 20_000_000
# The rest is room for the other fields and for being told politely that a photo is too large.
MAX_MESSAGE_BYTES = 24_000_000

# With what DNS keeps answers for (30 s by default in a cluster), a new pod has its share within a minute.
CONNECTION_AGE_SECONDS = 20.0


def server_options(
    connection_age_seconds: float = CONNECTION_AGE_SECONDS, *, most_received_bytes: int = MAX_MESSAGE_BYTES
) -> ChannelOptions:
    """Return the options of every server.

    Args:
        connection_age_seconds: how long a connection lasts.
        most_received_bytes: of a message; a larger one is refused unread.
    """
    return (
        ("grpc.max_receive_message_length", most_received_bytes),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        # Two processes must never share a port by accident: half of the calls would go to the wrong one.
        ("grpc.so_reuseport", 0),
        # Callers ask DNS again only on disconnect, so a connection must end now and then for new pods to get their
        # share. gRPC adds a tenth more or less, so that callers do not all come back at once. Calls get a grace to end.
        ("grpc.max_connection_age_ms", int(1000 * connection_age_seconds)),
        ("grpc.max_connection_age_grace_ms", 40_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
        ("grpc.keepalive_permit_without_calls", 1),
        # How much of a call's message may come before it is let in. By its probe of the bandwidth gRPC makes that many
        # megabytes, and strangers who go on calling would fill hundreds (tests/integration/test_refused_floods.py). A
        # photo of 300 kB comes in one go all the same; one of 3 MB takes one way there and back more.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", 1_048_576),
    )


def channel_options(service_config: dict[str, object] | None = None, *, authority: str | None = None) -> ChannelOptions:
    """Return the options of every channel.

    Args:
        service_config: gRPC's service config, for example with a retry policy; none by default.
        authority: the `host:port` that the server is known by, in its certificate too, when that is not the target.
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
        # By default DNS is asked twice a minute at most: too seldom for what `max_connection_age_ms` is for.
        ("grpc.dns_min_time_between_resolutions_ms", 2_000),
    )
    if authority is not None:
        options = (*options, ("grpc.default_authority", authority))
    if service_config is None:
        return options
    return (*options, ("grpc.service_config", json.dumps(service_config)))


def watching_health(service: str) -> dict[str, object]:
    """Return the service config of a channel that goes round and past servers of a service that say NOT_SERVING.

    `pick_first`, gRPC's default, does not look at health; a server without the health service counts as healthy.
    """
    return {"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": service}}
