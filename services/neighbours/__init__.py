"""Nearest neighbours and the products behind them: what the indexer tunes is what the searcher runs."""
