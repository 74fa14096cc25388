"""Starts a searcher: `python -m services.searcher --snapshot-root DIR --shards shoes,bags`."""

import sys

from services.common.lifecycle import main
from services.searcher.config import SearcherSettings
from services.searcher.server import Searcher

if __name__ == "__main__":
    sys.exit(main("searcher", SearcherSettings, Searcher, sys.argv[1:]))
