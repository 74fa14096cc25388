"""The options before a command: how a gateway is reached that wants TLS or to know who calls."""

from pathlib import Path
from typing import Annotated

import typer


def reaching(
    *,
    tls: Annotated[bool, typer.Option("--tls", envvar="AISLE_TLS", help="Speak TLS, with public authorities.")] = False,
    tls_ca: Annotated[
        Path | None,
        typer.Option(envvar="AISLE_TLS_CA", help="Speak TLS, and trust the authorities in this PEM file."),
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(envvar="AISLE_TLS_CERTIFICATE", help="Your certificate, PEM.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(envvar="AISLE_TLS_KEY", help="Its key, PEM.")] = None,
    tls_server_name: Annotated[
        str | None,
        typer.Option(envvar="AISLE_TLS_SERVER_NAME", help="The name in the gateway's certificate, if another."),
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(envvar="AISLE_TOKEN_FILE", help="A token that goes along with each call, in a file.")
    ] = None,
    token_without_tls: Annotated[
        bool,
        typer.Option(
            "--token-without-tls",
            envvar="AISLE_TOKEN_WITHOUT_TLS",
            help="Send the token to another machine without TLS: where a mesh encrypts it.",
        ),
    ] = False,
) -> None:
    """Take them to heart; the first line of the help is the application's own."""
    fields = {
        "tls": tls,
        "tls_ca": tls_ca,
        "tls_certificate": tls_certificate,
        "tls_key": tls_key,
        "tls_server_name": tls_server_name,
        "token_file": token_file,
        "token_without_tls": token_without_tls,
    }
    if not any(fields.values()):
        return
    from services.cli.grpc_lines import silence

    silence()  # before gRPC is imported, which looks at its environment then
    from services.cli.credentials import reach_with
    from services.common.misfits import checked
    from services.common.security.credentials import Credentials

    reach_with(checked(Credentials, fields, "options"))
