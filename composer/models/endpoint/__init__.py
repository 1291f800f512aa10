"""Models on OpenAI-compatible servers: llama.cpp, vLLM, SGLang, LMDeploy, Ollama, LM Studio, `transformers serve`.

Knows HTTP, the API and the kinds of servers; not the application's prompts, and not how a server is started.
"""

from composer.models.endpoint.address import Address, read_address, read_key
from composer.models.endpoint.dialects import program_of
from composer.models.endpoint.model import EndpointModel

__all__ = ["Address", "EndpointModel", "program_of", "read_address", "read_key"]
