"""What each kind of server takes beside the fields of OpenAI's API, and how it says which kind it is.

Sources: tools/server/README.md of llama.cpp, docs.vllm.ai, docs.sglang.io, docs.ollama.com/api/openai-compatibility,
lmstudio.ai/docs, transformers/cli/serving of transformers 5. Sends nothing.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from composer.models.base import Sampling

TOP_LOGPROBS = 20  # the most that OpenAI's API, vLLM and Ollama allow
_NO_THOUGHTS = {"chat_template_kwargs": {"enable_thinking": False}}  # of models whose template asks; others ignore it


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of server."""

    engine: str = ""  # as people call it; empty where it does not say
    penalty: str = "repetition_penalty"  # the field of the repetition penalty; empty: it takes none
    extras: dict[str, Any] = field(default_factory=dict)  # sent with every request
    continues: dict[str, Any] | None = field(
        default_factory=dict
    )  # has it go on with the last message; None: it cannot
    top_logprobs: int = TOP_LOGPROBS
    speaks: dict[str, Any] = field(default_factory=dict)  # has it not end a reply before the first token
    grammar: bool = False  # takes one; what it tells of first tokens is not changed by it

    def plain(self) -> "Dialect":
        """The same server, spoken to with OpenAI's own fields only."""
        return replace(self, penalty="", extras={}, speaks={})

    @property
    def logprob_fields(self) -> dict[str, Any]:
        """What asks for the probabilities of first tokens."""
        return {"logprobs": True, "top_logprobs": self.top_logprobs, **self.speaks}

    def sampling_fields(self, sampling: Sampling) -> dict[str, Any]:
        """How the next token is drawn, as this server is told."""
        fields: dict[str, Any] = {
            "max_tokens": sampling.max_tokens,
            "temperature": max(0.0, sampling.temperature),
            "top_p": sampling.top_p,
        }
        if sampling.seed is not None:
            fields["seed"] = sampling.seed % 2**31
        if stops := [stop for stop in sampling.stop if stop][:4]:  # the API's limit
            fields["stop"] = stops
        if self.penalty and sampling.repetition_penalty != 1.0:
            # `transformers serve` makes a repetition penalty of 1 + frequency_penalty
            shift = 1.0 if self.penalty == "frequency_penalty" else 0.0
            fields[self.penalty] = round(sampling.repetition_penalty - shift, 4)
        return {**fields, **self.extras}


LLAMA_CPP = Dialect(
    "llama.cpp",
    "repeat_penalty",
    {"top_k": 40, "min_p": 0.0, "cache_prompt": True, **_NO_THOUGHTS},
    top_logprobs=256,
    grammar=True,
)
VLLM = Dialect(
    "vLLM",
    extras=_NO_THOUGHTS,
    continues={"continue_final_message": True, "add_generation_prompt": False},
    speaks={"min_tokens": 1},
)
SGLANG = Dialect("SGLang", extras=_NO_THOUGHTS, continues={"continue_final_message": True}, speaks={"min_tokens": 1})
LMDEPLOY = Dialect("LMDeploy", extras=_NO_THOUGHTS)
OLLAMA = Dialect("Ollama", "", {"reasoning_effort": "none"})
LM_STUDIO = Dialect("LM Studio", "repeat_penalty", {"top_k": 40})
TRANSFORMERS = Dialect("transformers serve", "frequency_penalty", continues=None)
UNKNOWN = Dialect(extras=_NO_THOUGHTS)

KOBOLD = replace(UNKNOWN, engine="KoboldCpp")

_OWNERS = {  # "owned_by" in the list of models
    "llamacpp": LLAMA_CPP,
    "vllm": VLLM,
    "sglang": SGLANG,
    "lmdeploy": LMDEPLOY,
    "library": OLLAMA,
    "organization_owner": LM_STUDIO,
    "organization-owner": LM_STUDIO,
    "koboldcpp": KOBOLD,
    "transformers": TRANSFORMERS,
}


def dialect_by_owner(entry: dict[str, Any]) -> Dialect | None:
    """The kind of server that lists a model as `entry`; None where the list does not tell."""
    return _OWNERS.get(str(entry.get("owned_by", "")).lower())


def dialect_by_paths(paths: frozenset[str]) -> Dialect:
    """The kind of server that answers at `paths`, as it describes itself (OpenAPI)."""
    return TRANSFORMERS if {"/load_model", "/v1/systemone"} <= paths else UNKNOWN


def program_of(entry: dict[str, Any]) -> str | None:
    """The program that lists a model as `entry`, as people call it; None where the list does not tell."""
    found = dialect_by_owner(entry)
    return None if found is None else found.engine
