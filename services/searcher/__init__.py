"""The searcher: the process that holds FAISS indexes and answers with the nearest products of a shard."""
