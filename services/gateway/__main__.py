"""Runs a gateway: `python -m services.gateway --snapshot-root ROOT --topology FILE`."""

import sys

from services.common.lifecycle import main
from services.gateway.config import GatewaySettings
from services.gateway.server import Gateway

if __name__ == "__main__":
    sys.exit(main("gateway", GatewaySettings, Gateway, sys.argv[1:]))
