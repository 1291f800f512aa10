"""The network of a transformers model: reads prompts into a cache, and computes the scores of the next token.

Knows tensors, positions, masks and caches; no messages and no text. One forward pass runs at a time.
"""

import contextlib
import inspect
import logging
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import torch

from common.threads import LoneThread
from composer.models.base import Usage
from composer.models.transformers_vlm.decoding import caches
from composer.models.transformers_vlm.decoding.batches import Batch, last
from composer.models.transformers_vlm.decoding.caches import Read
from composer.models.transformers_vlm.decoding.stopping import Stop, Stopped
from composer.models.transformers_vlm.prompts import Prompt, PromptReader

log = logging.getLogger(__name__)

CPU_CHUNK, CARD_CHUNK = 256, 2048  # tokens of a prompt read at once: a stop waits for one such part


class Network:
    """A loaded model of transformers."""

    def __init__(self, model: Any, reader: PromptReader, context_tokens: int) -> None:
        self.model, self.reader = model, reader
        self._lock = threading.RLock()
        self._usage = Usage()
        accepted = set(inspect.signature(model.forward).parameters)
        self._keeps_logits = "logits_to_keep" in accepted
        self._takes_positions = "position_ids" in accepted
        on_card = model.device.type == "cuda"
        self.chunk = CARD_CHUNK if on_card else CPU_CHUNK
        self.continues = True  # whether a cache may be gone on from with several tokens
        self._context = context_tokens
        self.static_decoding = on_card and caches.can_compile(model)
        self._static: Any = None  # one static cache; its steps are compiled
        self._static_busy = threading.Lock()
        # graphs of CUDA belong to the thread that recorded them
        self._compiled_thread = LoneThread("transformers-decode")
        self._compiled = threading.Event()  # its steps can be taken without a minute's wait

    @property
    def device(self) -> torch.device:
        """The device that takes token ids."""
        found: torch.device = self.model.get_input_embeddings().weight.device
        return found if found.type != "meta" else self.model.device

    @property
    def usage(self) -> Usage:
        return self._usage

    @property
    def joins(self) -> bool:
        """Whether a sequence can join others that are being continued."""
        return self.continues and caches.allows_gaps(caches.new_cache(self.model.config))

    def count_generated(self, tokens: int) -> None:
        with self._lock:
            self._usage += Usage(generated=tokens)

    def close(self) -> None:
        """Frees the weights."""
        with self._lock:
            self._compiled_thread.close()
            self._static = None
            self.model.to_empty(device="meta")
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    # -- reading prompts ----------------------------------------------------------------------------------------------

    def read(self, prompt: Prompt, known: Sequence[Read] = (), stop: Stop | None = None) -> Read:
        """Reads a prompt on top of whichever of the known beginnings has most of it.

        Raises Stopped between two parts of it.
        """
        best = self._best(prompt, known)
        done = best.common(prompt) if best is not None else 0
        cache = self._cut(best, done)
        reused, positions = done, self._positions(prompt)
        logits: torch.Tensor | None = None
        # where nobody can stop it, larger parts are a little faster
        for end in self._parts(prompt, done, self.chunk if stop is not None else 4 * self.chunk):
            if stop is not None and stop.is_set():
                raise Stopped
            if end < len(prompt.ids) or done:
                tensors = self._tensors_from(prompt, done, end)
                if tensors is None:  # pictures that cannot be read by themselves: all at once
                    return self._read_whole(prompt, positions)
            else:
                tensors = prompt.tensors
            logits, cache = self._extend(prompt, cache, done, end, positions, tensors)
            done = end
        assert logits is not None  # a part is never empty
        with self._lock:
            self._usage += Usage(reused=reused)
        return Read(prompt.ids, prompt.hashes, cache, logits, last(positions))

    def _best(self, prompt: Prompt, known: Sequence[Read]) -> Read | None:
        """Whichever has most of the prompt."""
        return max(known if self.continues else (), key=lambda each: each.common(prompt), default=None)

    def _cut(self, read: Read | None, tokens: int) -> Any:
        """A cache to go on from, with so many of the tokens that were read."""
        if read is None or not tokens:
            return caches.new_cache(self.model.config)
        cache = caches.fork(read.cache)
        caches.crop(cache, len(read.ids) - tokens)
        return cache

    def _read_whole(self, prompt: Prompt, positions: torch.Tensor | None) -> Read:
        cache = caches.new_cache(self.model.config)
        logits, cache = self._extend(prompt, cache, 0, len(prompt.ids), positions, prompt.tensors)
        return Read(prompt.ids, prompt.hashes, cache, logits, last(positions))

    def _parts(self, prompt: Prompt, start: int, most: int) -> list[int]:
        """Where the parts of about `most` tokens end that are read one after the other; no picture is cut."""
        ends: list[int] = []
        at, whole = start, len(prompt.ids)
        while self.continues and at + most * 5 // 4 < whole and prompt.spans is not None:
            at += most
            at = next((end for first, end in prompt.spans if first < at < end), at)
            if at < whole:
                ends.append(at)
        return [*ends, whole]

    def _tensors_from(self, prompt: Prompt, start: int, end: int) -> dict[str, Any] | None:
        """The tensors of the pictures between two tokens."""
        wanted = [
            picture
            for picture, (first, _end) in zip(prompt.pictures, prompt.spans or (), strict=bool(prompt.spans))
            if start <= first < end
        ]
        if not wanted:
            return {}
        if len(wanted) == len(prompt.pictures):
            return prompt.tensors
        return self.reader.picture_tensors([wanted], [self.reader.count_pictures(prompt.ids[start:end])])

    def _extend(
        self,
        prompt: Prompt,
        cache: Any,
        start: int,
        end: int,
        positions: torch.Tensor | None,
        tensors: dict[str, Any],
    ) -> tuple[torch.Tensor, Any]:
        """Reads tokens `start` to `end` on top of a cache of those before: scores of the next one [V], the cache."""
        ids = torch.tensor([prompt.ids[:end]], device=self.device)
        types = {name: values[:, :end] for name, values in prompt.types.items()}
        where = None if positions is None else positions[..., :end]
        logits, cache = self._forward(ids, end - start, cache, None, where, types, tensors, first=True)
        with self._lock:
            self._usage += Usage(prefilled=end - start)
        return logits[0, -1].float(), cache

    def _positions(self, prompt: Prompt) -> torch.Tensor | None:
        """The positions [..., 1, T] as the model counts them: pictures may take fewer than they have tokens."""
        if not self._takes_positions:
            return None
        ids = torch.tensor([prompt.ids], device=self.device)
        arguments = {"attention_mask": torch.ones_like(ids), **self._moved({**prompt.types, **prompt.tensors})}
        with self._lock, torch.no_grad():
            found: torch.Tensor = self.model._prepare_position_ids_for_generation(ids, arguments)
        return found

    # -- several sequences --------------------------------------------------------------------------------------------

    def one(self, read: Read, prompt: Prompt) -> Batch:
        """A prompt that was read, ready to be continued."""
        ids = torch.tensor([prompt.ids], device=self.device)
        return Batch(caches.fork(read.cache), read.logits[None], ids, None, read.last_position, tuple(prompt.types))

    def together(self, prompts: Sequence[Prompt], known: Sequence[Sequence[Read]]) -> Batch | None:
        """Reads several prompts in one forward pass, each on top of whichever of its known beginnings has most of it;
        None where they can only be read one by one."""
        begun = [self._best(prompt, each) for prompt, each in zip(prompts, known, strict=True)]
        starts = [each.common(prompt) if each is not None else 0 for prompt, each in zip(prompts, begun, strict=True)]
        if any(prompt.spans is None for prompt in prompts):
            return None
        forks = [self._cut(each, start) for each, start in zip(begun, starts, strict=True)]
        if any(starts) and not all(map(caches.allows_gaps, forks)):
            return None
        new = [prompt.new_pictures(start) for prompt, start in zip(prompts, starts, strict=True)]
        tensors: dict[str, Any] = {}
        if any(new):
            if not all(new):
                return None
            counted = [self.reader.count_pictures(p.ids[start:]) for p, start in zip(prompts, starts, strict=True)]
            found = self.reader.picture_tensors(new, counted)
            if found is None:
                return None
            tensors = found
        if not any(starts):
            cache = forks[0]
        elif len({(id(each), start) for each, start in zip(begun, starts, strict=True)}) == 1:
            cache = caches.fork(forks[0], len(prompts))
        else:
            cache = caches.joined(forks, starts)
        return self._read_rows(prompts, starts, cache, tensors)

    def _read_rows(
        self, prompts: Sequence[Prompt], starts: Sequence[int], cache: Any, tensors: dict[str, Any]
    ) -> Batch:
        """Reads what comes after the kept tokens of each row: both parts are padded on their left."""
        most_kept, most_new = max(starts), max(len(p.ids) - start for p, start in zip(prompts, starts, strict=True))

        def padded(row: torch.Tensor, start: int, value: int = 0) -> torch.Tensor:  # [..., T] -> [..., kept + new]
            before = row.new_full((*row.shape[:-1], most_kept - start), value)
            between = row.new_full((*row.shape[:-1], most_new - row.shape[-1] + start), value)
            return torch.cat([before, row[..., :start], between, row[..., start:]], dim=-1)

        rows = [torch.tensor([prompt.ids], device=self.device) for prompt in prompts]
        pairs = list(zip(rows, starts, strict=True))
        ids = torch.cat([padded(row, start, self._filler()) for row, start in pairs])
        mask = torch.cat([padded(torch.ones_like(row), start) for row, start in pairs])
        types = {
            name: torch.cat([padded(prompt.types[name], start) for prompt, start in zip(prompts, starts, strict=True)])
            for name in prompts[0].types
        }
        positions = None
        if self._takes_positions:
            where = [padded(w, start) for w, start in zip(map(self._positions, prompts), starts, strict=True)]  # type: ignore[arg-type]
            positions = torch.cat(where, dim=-2)
        only = None if bool(mask.all()) else mask
        logits, cache = self._forward(ids, most_new, cache, only, positions, types, tensors, first=True)
        read, reused = sum(len(prompt.ids) for prompt in prompts) - sum(starts), sum(starts)
        with self._lock:
            self._usage += Usage(prefilled=read, reused=reused)
        return Batch(cache, logits[:, -1].float(), ids, only, last(positions), tuple(types))

    def options(self, read: Read, prompt: Prompt, following: Sequence[Sequence[int]]) -> list[torch.Tensor]:
        """Scores [n + 1, V] after the prompt and after each of the n tokens of every option, all options at once.

        following: token ids of each option; empty ones have the prompt's own scores only.
        """
        longest = max(map(len, following), default=0)
        if longest == 0:
            return [read.logits[None] for _each in following]
        if not self.continues:
            longer = [[prompt.followed_by(ids[:n]) for n in range(len(ids) + 1)] for ids in following]
            return [torch.stack([self.read(each).logits for each in row]) for row in longer]
        rows = len(following)
        cache, filler = caches.fork(read.cache, rows), self._filler()
        tail = torch.tensor([[*ids, *[filler] * (longest - len(ids))] for ids in following], device=self.device)
        ids = torch.cat([torch.tensor([prompt.ids], device=self.device).expand(rows, -1), tail], dim=1)
        types = {name: torch.zeros_like(ids) for name in prompt.types}
        positions = read.last_position
        if positions is not None:
            steps = torch.arange(1, longest + 1, device=positions.device)
            positions = positions.expand(*positions.shape[:-2], rows, 1) + steps
        logits, _cache = self._forward(ids, longest, cache, None, positions, types, {}, first=False, keep=longest)
        with self._lock:
            self._usage += Usage(prefilled=sum(map(len, following)), reused=len(prompt.ids) * (rows - 1))
        first = read.logits[None]
        return [torch.cat([first, logits[at, : len(ids)].float()]) for at, ids in enumerate(following)]

    # -- the next token -----------------------------------------------------------------------------------------------

    def faster(self, batch: Batch) -> Batch:
        """The same single sequence in the static cache, whose steps are compiled, where that is free and possible."""
        ready = self.static_decoding and self._compiled.is_set() and batch.ids.shape[0] == 1
        if not ready or not self._static_busy.acquire(blocking=False):
            return batch
        try:
            self._compiled_thread.submit(lambda: caches.fill_static(self._static, batch.cache)).result()
        except BaseException:
            self._static_busy.release()
            raise
        return replace(batch, cache=self._static, is_static=True, origin=batch.cache)

    def slower(self, batch: Batch) -> Batch:
        """The same sequence back in a dynamic cache, where others can join it."""
        if not batch.is_static:
            return batch
        tokens = int(batch.ids.shape[1])
        copied = self._compiled_thread.submit(lambda: caches.from_static(batch.cache, self.model.config, tokens))
        cache = copied.result()
        self.release(batch)
        return replace(batch, cache=cache, is_static=False, origin=None)

    def compile_steps(self, prompt: Prompt) -> None:
        """Compiles the steps of decoding after any prompt, which takes a minute, beside what else is done meanwhile."""
        if not self.static_decoding:
            return
        batch = self.one(self.read(prompt), prompt)

        def work() -> None:
            self._static = caches.new_static(self.model.config, self._context)
            self.static_decoding = caches.fill_static(self._static, batch.cache)
            if self.static_decoding:
                batch.cache, batch.is_static = self._static, True
                for _step in range(3):  # the first is compiled, the next ones are recorded
                    self._step(batch, batch.logits.argmax(dim=-1), contextlib.nullcontext())
                self._compiled.set()

        def ended(future: Any) -> None:
            if error := future.exception():
                self.static_decoding = False
                log.warning("Decoding is not compiled: %s", " ".join(str(error).split())[:300])

        self._compiled_thread.submit(work).add_done_callback(ended)

    def release(self, batch: Batch) -> None:
        """To be called once a sequence is not continued any more."""
        if batch.is_static:
            self._static_busy.release()

    def step(self, batch: Batch, tokens: torch.Tensor) -> None:
        """Goes on with these tokens [B]; the batch then holds the scores of the next ones."""
        if not batch.is_static:
            self._step(batch, tokens, self._lock)
            return
        try:
            self._compiled_thread.submit(lambda: self._step(batch, tokens, self._lock)).result()
        except (RuntimeError, ImportError, OSError) as error:  # compiled anew for this model and failed
            if batch.origin is None:
                raise
            log.warning("Decoding is not compiled: %s", " ".join(str(error).split())[:300])
            self.static_decoding = False
            self.release(batch)
            batch.cache, batch.is_static = batch.origin, False
            self._step(batch, tokens, self._lock)
        batch.origin = None

    def _step(self, batch: Batch, tokens: torch.Tensor, lock: AbstractContextManager[Any]) -> None:
        ids = torch.cat([batch.ids, tokens[:, None].to(batch.ids.device)], dim=1)
        mask = batch.mask
        if mask is not None:
            mask = torch.cat([mask, mask.new_ones(len(tokens), 1)], dim=1)
        positions = None if batch.positions is None else batch.positions + 1
        types = {name: torch.zeros_like(tokens)[:, None] for name in batch.types}
        call = self.model.get_compiled_call(None) if batch.is_static else self.model
        logits, batch.cache = self._forward(
            ids, 1, batch.cache, mask, positions, types, {}, first=False, call=call, lock=lock
        )
        batch.ids, batch.mask, batch.positions = ids, mask, positions
        batch.logits = logits[:, -1].to(torch.float32, copy=True)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _forward(
        self,
        ids: torch.Tensor,
        new: int,
        cache: Any,
        mask: torch.Tensor | None,
        positions: torch.Tensor | None,
        types: dict[str, Any],
        tensors: dict[str, Any],
        *,
        first: bool,
        keep: int = 1,
        call: Any = None,
        lock: AbstractContextManager[Any] | None = None,
    ) -> tuple[torch.Tensor, Any]:
        """One forward pass over the last `new` of the tokens [B, T]: logits [B, keep or new, V], and the cache."""
        more: dict[str, Any] = {"logits_to_keep": keep} if self._keeps_logits else {}
        if positions is not None:
            more["position_ids"] = positions[..., -new:]
        with lock or self._lock, torch.no_grad():
            inputs = self.model.prepare_inputs_for_generation(
                ids,
                next_sequence_length=new,
                past_key_values=cache,
                attention_mask=mask,
                is_first_iteration=first,
                use_cache=True,
                **more,
                **self._moved({**types, **tensors}),
            )
            outputs = (call or self.model)(**inputs, return_dict=True)
        return outputs.logits, getattr(outputs, "past_key_values", cache)

    def _moved(self, tensors: dict[str, Any]) -> dict[str, Any]:
        """The tensors on the device of the token ids, pictures in the network's numbers."""
        return {
            name: value.to(self.device, self.model.dtype if value.is_floating_point() else None)
            if isinstance(value, torch.Tensor)
            else value
            for name, value in tensors.items()
        }

    def _filler(self) -> int:
        """A token for places that nobody looks at."""
        known = (self.reader.tokenizer.pad_token_id, self.reader.tokenizer.eos_token_id, 0)
        return next(int(each) for each in known if isinstance(each, int) and each not in self.reader.picture_ids)
