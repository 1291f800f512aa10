"""What several callers ask at the same time, computed together: prompts in one pass, texts token by token side by side.

No thread of its own: whoever waits for something computes the next **round** for all. A round takes up the prompts that
have come since the last one, reads them together where it can, and goes on by one token with every batch in which a
text is waited for. So nothing waits for others to come, who comes late joins at the next token, and a text that nobody
takes any further stands still. What fails in a batch is done once more for each alone.

Knows the network and batches; no messages and no text.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from composer.models.transformers_vlm.decoding import caches
from composer.models.transformers_vlm.decoding.batches import Batch, alike, joined, kept, read_of
from composer.models.transformers_vlm.decoding.caches import Read
from composer.models.transformers_vlm.decoding.network import Network
from composer.models.transformers_vlm.decoding.requests import Reading, Writing
from composer.models.transformers_vlm.decoding.stopping import EitherStop, Stop, Stopped, forget, tolerated
from composer.models.transformers_vlm.prompts import Prompt

LOOK = 0.1  # seconds between two looks at whether a caller has stopped


@dataclass(eq=False)
class _Group:
    """Texts that are one batch."""

    batch: Batch
    texts: list[Writing | None]  # a row each; None: it has ended, and cannot be taken out
    chosen: torch.Tensor | None = None  # [B]: tokens that come next
    alone: bool = False  # nobody may join it: the step of a batch has failed with it


class Batching:
    """One for each network. All methods may be called from any thread."""

    def __init__(self, network: Network, *, most: int, tokens: int) -> None:
        """most: texts of different callers that are one batch; 1: each of them is computed by itself. tokens: of keys
        and values that the texts of a batch may take."""
        self.most, self.tokens, self._network = max(1, most), tokens, network
        self._changed = threading.Condition()
        self._driver: int | None = None  # the thread that computes a round
        self._served: Reading | None = None  # what that thread waits for itself
        self._leaving = 0  # callers that wait for the end of the round, after which none begins before they are done
        self._waiting: list[Reading] = []
        self._groups: list[_Group] = []

    # -- callers ------------------------------------------------------------------------------------------------------

    def read(self, prompt: Prompt, known: Sequence[Read]) -> Read:
        """The prompt, read. Raises what reading it raised."""
        reading = Reading(prompt, known, object())
        self._add([reading])
        try:
            self._wait(reading)
        finally:
            with self._changed:
                self._waiting = [each for each in self._waiting if each is not reading]
        if reading.error is not None:
            raise reading.error
        assert reading.read is not None  # it has no stop
        return reading.read

    def begin(self, texts: Sequence[Writing]) -> None:
        """The texts go on from now, while `next_token` is called; `leave` ends each."""
        self._add(texts)

    def next_token(self, text: Writing) -> int | None:
        """The next token; None once there are no more, or the caller has stopped. Raises what computing it raised."""
        if not self._wait(text):
            return None
        if text.tokens:
            return text.tokens.popleft()
        if text.error is not None:
            raise text.error
        return None

    def leave(self, text: Writing) -> Read | None:
        """The caller needs no more of it: what was read and written, where it is kept and not lost."""
        with self._changed:
            if self._driver == threading.get_ident():  # a generator that was thrown away in the middle of a round
                text.over, text.is_kept = True, False
                return None
            self._leaving += 1
            try:
                self._changed.wait_for(lambda: self._driver is None)
                self._driver = threading.get_ident()
            finally:
                self._leaving -= 1
        try:
            self._end(text)
            self._leave_out()
        finally:
            self._release()
        return text.read

    def _add(self, readings: Sequence[Reading]) -> None:
        with self._changed:
            self._waiting += readings

    def _wait(self, reading: Reading) -> bool:
        """Computes rounds, or waits while another does, until it is ready; False where it was stopped before."""
        reading.awaited = True
        try:
            while True:
                with self._changed:
                    while not (reading.is_ready or reading.stopped) and (self._driver is not None or self._leaving):
                        self._changed.wait(LOOK)
                    if reading.stopped:
                        return False
                    if reading.is_ready:
                        return True
                    self._driver, self._served = threading.get_ident(), reading
                try:
                    self._round()
                finally:
                    self._release()
        finally:
            reading.awaited = False

    def _release(self) -> None:
        with self._changed:
            self._driver = self._served = None
            self._changed.notify_all()

    # -- a round ------------------------------------------------------------------------------------------------------

    def _round(self) -> None:
        self._leave_out()
        self._take_up()
        self._quicken()
        for group in list(self._groups):
            if any(self._is_waited_for(text) for text in group.texts if text is not None):
                self._go_on(group)

    def _is_waited_for(self, text: Writing) -> bool:
        """Whether somebody waits for its next token, or until it has ended and leaves room."""
        if text.awaited and not text.is_ready:
            return True
        return any(each.awaited and (self.most > 1 or each.call is text.call) for each in self._waiting)

    def _leave_out(self) -> None:
        """Takes out the rows that have ended."""
        with self._changed:
            self._waiting = [
                each for each in self._waiting if not each.stopped and not (isinstance(each, Writing) and each.over)
            ]
        for group in list(self._groups):
            for text in group.texts:
                if text is not None and text.stopped and not text.over:
                    self._end(text)
            rows = [row for row, text in enumerate(group.texts) if text is not None and not text.over]
            if not rows:
                self._network.release(group.batch)
                self._groups.remove(group)
            elif len(rows) < len(group.texts) and group.batch.can_join:
                with tolerated():  # where there is no memory for it they stay, and nobody looks at them
                    self._keep(group, rows)

    def _keep(self, group: _Group, rows: list[int]) -> None:
        """These rows of a batch alone."""
        batch, chosen = kept(group.batch, rows), group.chosen
        if chosen is not None:
            chosen = chosen[torch.tensor(rows, device=chosen.device)]
        group.batch, group.chosen, group.texts = batch, chosen, [group.texts[row] for row in rows]

    def _end(self, text: Writing) -> None:
        """The text ends here; what is kept of it is what its row holds now."""
        if text.over:
            return
        text.over = True
        for group in self._groups:
            for row, each in enumerate(group.texts):
                if each is not text:
                    continue
                if not text.is_kept or group.batch.is_static:
                    pass  # the static cache serves the next text: of this one the prompt alone is kept
                elif len(group.texts) == 1 or group.batch.can_join:
                    with tolerated():  # it is read anew, should it go on
                        text.read = read_of(group.batch, row, text.prompt, text.written)
                if not group.batch.can_join:
                    group.texts[row] = None

    def _take_up(self) -> None:
        """Reads the prompts that have come and that have room."""
        with self._changed:
            wanted, self._waiting = self._waiting, []
        try:
            while some := self._fitting(wanted):
                wanted = [each for each in wanted if each not in some]
                self._read(some)
                wanted += [each for each in some if not (each.begun or each.is_ready)]
                if self._is_done_with():
                    break
        finally:
            with self._changed:
                self._waiting = wanted + self._waiting

    def _fitting(self, wanted: Sequence[Reading]) -> list[Reading]:
        """The first of those that wait and have room, and what can be read together with it."""
        some: list[Reading] = []
        full: set[object] = set()  # a text that came later does not go before one that has no room
        for reading in wanted:
            if some and not self._go_together(some[0], reading):
                continue
            line = reading.call if self.most == 1 else None
            if isinstance(reading, Writing) and (line in full or not self._has_room(reading, some)):
                full.add(line)
            elif isinstance(reading, Writing) or self._has_room(reading, some):
                some.append(reading)
        return some

    def _go_together(self, first: Reading, other: Reading) -> bool:
        if bool(first.prompt.pictures) != bool(other.prompt.pictures):
            return False
        if first.call is other.call:
            return True
        # a long prompt fills the device by itself, and can be stopped between its parts
        short = all(len(each.prompt.ids) <= self._network.chunk for each in (first, other))
        return self.most > 1 and short

    def _has_room(self, reading: Reading, some: Sequence[Reading]) -> bool:
        if self.most > 1:
            running = [text for group in self._groups for text in group.texts if text is not None]
        else:
            running = [t for group in self._groups for t in group.texts if t is not None and t.call is reading.call]
        beside = [*(text.place for text in running), *(each.place for each in some)]
        longest, count = max([*beside, reading.place]), len(beside) + 1
        if not isinstance(reading, Writing):
            longest, count = max(len(each.prompt.ids) for each in (*some, reading)), len(some) + 1
        elif self.most > 1 and len(running) >= self.most:
            return False
        return count == 1 or (longest * count <= self.tokens and (self.most == 1 or count <= self.most))

    def _read(self, some: Sequence[Reading]) -> None:
        if len(some) > 1:
            try:
                batch = self._network.together([each.prompt for each in some], [each.known for each in some])
                if batch is not None and (batch.can_join or all(isinstance(each, Writing) for each in some)):
                    self._spread(batch, some)
            except Exception as error:  # noqa: BLE001 - whose prompt it was shows when each is read alone
                forget(error)
        for each in some:
            if each.begun:
                continue
            each.begun = True
            try:
                read = self._network.read(each.prompt, each.known, self._stop_of(each))
                each.read = read
                if isinstance(each, Writing):
                    self._join(self._network.one(read, each.prompt), [each])
            except Stopped:
                if not each.stopped:
                    each.begun = False  # who read it for another has stopped: another goes on
                    return
                if isinstance(each, Writing):
                    each.over = True
            except Exception as error:  # noqa: BLE001 - who asked for it gets it
                each.error = error

    def _is_done_with(self) -> bool:
        """Whether the thread that computes this round has been stopped."""
        return self._served is not None and self._served.stopped

    def _stop_of(self, reading: Reading) -> Stop | None:
        """What ends the reading of a prompt: its caller's stop, and that of who reads it for another."""
        if self._served is None or reading is self._served or self._served.stop is None:
            return reading.stop
        return EitherStop(*(stop for stop in (reading.stop, self._served.stop) if stop is not None))

    def _spread(self, batch: Batch, some: Sequence[Reading]) -> None:
        """Gives everybody their rows of what was read together."""
        for row, each in enumerate(some):
            if not isinstance(each, Writing):
                each.read, each.begun = read_of(batch, row, each.prompt), True
        rows = {row: each for row, each in enumerate(some) if isinstance(each, Writing)}
        if rows:
            self._join(batch if len(rows) == len(some) else kept(batch, list(rows)), list(rows.values()))

    def _join(self, batch: Batch, texts: Sequence[Writing]) -> None:
        """Puts new rows into a batch that is under way, or begins one."""
        new = _Group(batch, list(texts))
        self._groups.append(new)
        for text in texts:
            text.begun = True
        self._choose(new)
        if not new.batch.can_join or all(text.over for text in texts):
            return
        for group in self._groups:
            same_call = any(text is not None and text.call is texts[0].call for text in group.texts)
            if group is new or group.alone or not (self.most > 1 or same_call):
                continue
            with tolerated():  # where there is no memory to put them together they go on beside each other
                if self._joined(group, new):
                    self._groups.remove(new)
                    return

    def _joined(self, group: _Group, new: _Group) -> bool:
        """Puts the rows of one batch beside those of another; False where that cannot be."""
        if group.batch.is_static:
            group.batch = self._network.slower(group.batch)
        if not group.batch.can_join or not alike(group.batch, new.batch):
            return False
        assert group.chosen is not None  # both have chosen
        assert new.chosen is not None
        chosen = torch.cat([group.chosen, new.chosen])
        group.batch = joined([group.batch, new.batch])
        group.chosen, group.texts = chosen, group.texts + new.texts
        return True

    def _quicken(self) -> None:
        """A text that is alone goes on in compiled steps where there are any."""
        if len(self._groups) == 1 and len(self._groups[0].texts) == 1:
            group = self._groups[0]
            if not group.batch.is_static:
                with tolerated():
                    group.batch = self._network.faster(group.batch)

    def _go_on(self, group: _Group) -> None:
        """One token more for each text of the batch."""
        assert group.chosen is not None
        try:
            self._network.step(group.batch, group.chosen)
        except Exception as error:  # noqa: BLE001 - whose text it was shows when each goes on alone
            self._take_apart(group, error)
        else:
            self._choose(group)

    def _take_apart(self, group: _Group, error: Exception) -> None:
        """After a step that failed: each text goes on alone; who was alone gets the error."""
        if not group.batch.can_join or len(group.texts) == 1:
            for text in group.texts:
                if text is not None and not text.over:
                    text.error, text.over, text.read = error, True, None
            return
        forget(error)
        self._groups.remove(group)
        caches.cut_to(group.batch.cache, int(group.batch.ids.shape[1]))  # what it has left in some layers
        for row, text in enumerate(group.texts):
            if text is None or text.over:
                continue
            chosen = group.chosen[row : row + 1] if group.chosen is not None else None
            try:
                self._groups.append(_Group(kept(group.batch, [row]), [text], chosen, alone=True))
            except Exception as lost:  # noqa: BLE001 - no memory for it, and nobody else's fault
                text.error, text.over, text.read = lost, True, None

    def _choose(self, group: _Group) -> None:
        """The next token of each text. Those that end with it are taken out at the next round."""
        batch = group.batch
        tokens = batch.logits.argmax(dim=-1)
        for row, text in enumerate(group.texts):
            if text is None or text.over or text.chooser is None or text.chooser.is_plain:
                continue
            try:
                tokens[row] = text.chooser.choose(batch.ids_of(row), batch.logits[row : row + 1])[0]
            except Exception as error:  # noqa: BLE001 - whose text it is gets it
                text.error, text.over = error, True
        group.chosen, count = tokens, 0
        for token, text in zip(tokens.tolist(), list(group.texts), strict=True):
            if text is None or text.over:
                continue
            if token in text.ends or text.most <= 0:
                self._end(text)
                continue
            count += 1
            text.written.append(token)
            text.tokens.append(token)
            if len(text.written) >= text.most:
                self._end(text)
        self._network.count_generated(count)
