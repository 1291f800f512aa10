"""The models that other programs keep on this machine, and the servers that listen on it.

found           what is told of a model; its header, sizes, and what is wrong with its files
hf_cache … jan  one file a store: where it lies and how it is laid out
listing         all stores, a model by its name ("ollama:qwen3-vl:4b"), the best one to propose
servers         OpenAI-compatible servers on loopback, asked only when somebody wants to know

Knows stores and files; loads nothing, changes nothing in them, and imports neither torch nor transformers.
"""

from composer.models.discovery.found import XCOMPOSER_TYPE, LocalModel
from composer.models.discovery.listing import (
    STORES,
    Proposal,
    find_local_model,
    find_repository,
    is_local_name,
    local_models,
    propose,
)
from composer.models.discovery.servers import LocalServer, find_servers

__all__ = [
    "STORES",
    "XCOMPOSER_TYPE",
    "LocalModel",
    "LocalServer",
    "Proposal",
    "find_local_model",
    "find_repository",
    "find_servers",
    "is_local_name",
    "local_models",
    "propose",
]
