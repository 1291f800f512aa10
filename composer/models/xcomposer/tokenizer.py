"""Text <-> token ids, as the published tokenizer does it: a SentencePiece model plus a few specials written out.

`<s>`, `</s>`, `<unk>` and the tokens of added_tokens.json are recognised in text and take the blanks around them with
them. `<TOKENS_UNUSED_0>` and its kin are ordinary pieces of the model file.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from composer.errors import ModelFilesBroken, ModelFilesMissing

BOS, EOS, UNK = "<s>", "</s>", "<unk>"
END_OF_HUMAN, END_OF_BOT = "<TOKENS_UNUSED_0>", "<TOKENS_UNUSED_1>"
NUL_PIECE = 354  # newer SentencePiece writes NUL as a byte piece; the model was trained with this one


@dataclass(frozen=True, slots=True)
class Piece:
    """One entry of the model file."""

    text: str
    score: float  # of a normal piece: merged the earlier the higher
    kind: Literal["normal", "defined", "control", "byte", "unused"]


class XComposerTokenizer:
    """Ids of the 7B format: 0 `<unk>`, 1 `<s>`, 2 `</s>` (also padding), 103027 and 103028 end a turn."""

    def __init__(self, path: str | Path, added: dict[str, int] | None = None) -> None:
        """`path`: tokenizer.model. `added`: tokens beyond it. Raises ModelFilesBroken."""
        import sentencepiece

        # newer releases announce at every load that the piece for NUL is set aside, which `encode` makes good
        if quiet := getattr(sentencepiece, "SetMinLogLevel", None):
            quiet(2)
        self._model = sentencepiece.SentencePieceProcessor()
        try:
            self._model.Load(str(path))
        except (OSError, RuntimeError) as error:
            raise ModelFilesBroken(
                path=str(path),
                reason_en=f"SentencePiece cannot read it ({str(error)[:80]})",
                reason_zh=f"SentencePiece 无法读取（{str(error)[:80]}）",
            ) from error
        self.added = dict(added or {})
        self.bos, self.eos, self.unk = (self._model.PieceToId(piece) for piece in (BOS, EOS, UNK))
        self.pad = self.eos
        has_nul = self._model.GetPieceSize() > NUL_PIECE and self._model.IdToPiece(NUL_PIECE) == "\0"
        self._nul = NUL_PIECE if has_nul else None
        self._specials = {self.bos: BOS, self.eos: EOS, self.unk: UNK}
        self._names = {i: name for name, i in self.added.items()}
        marks = {text: i for i, text in {**self._specials, **self._names}.items()}
        # longest first, so that no token hides a longer one; the blanks on both sides belong to the token
        self._marks = marks
        self._split = re.compile(
            r"\s*(" + "|".join(re.escape(mark) for mark in sorted(marks, key=len, reverse=True)) + r")\s*"
        )

    @classmethod
    def from_folder(cls, folder: str | Path) -> "XComposerTokenizer":
        """The tokenizer of a checkpoint. Raises ModelFilesMissing or ModelFilesBroken."""
        folder = Path(folder)
        path, extra = folder / "tokenizer.model", folder / "added_tokens.json"
        if not path.is_file():
            raise ModelFilesMissing(
                name=str(folder),
                missing="tokenizer.model",
                way_out_en="Copy it from internlm/internlm-xcomposer-7b-4bit or -7b; all of them share it.",
                way_out_zh="请从 internlm/internlm-xcomposer-7b-4bit 或 -7b 的文件中复制，各模型共用同一文件。",
            )
        try:
            added = json.loads(extra.read_text("utf-8")) if extra.is_file() else {}
            return cls(path, {str(name): int(i) for name, i in added.items()})
        except (ValueError, AttributeError, TypeError) as error:
            raise ModelFilesBroken(
                path=str(extra), reason_en=f"it is no table of tokens: {error}", reason_zh=f"不是词表：{error}"
            ) from error

    def __len__(self) -> int:
        return int(self._model.GetPieceSize()) + len(self.added)

    def id(self, token: str) -> int:
        """The id of one whole token. Raises KeyError for what is none."""
        if token in self.added:
            return self.added[token]
        found = int(self._model.PieceToId(token))
        if found == self.unk and token != UNK:
            raise KeyError(token)
        return found

    @cached_property
    def end_of_human(self) -> int:
        return self.id(END_OF_HUMAN)

    @cached_property
    def end_of_bot(self) -> int:
        return self.id(END_OF_BOT)

    def pieces(self) -> list[Piece]:
        """Every entry of the model file, by id. `<TOKENS_UNUSED_0>` and its kin are "defined": matched first."""
        model, found = self._model, []
        for i in range(model.GetPieceSize()):
            text = model.IdToPiece(i)
            kind: Literal["normal", "defined", "control", "byte", "unused"] = "normal"
            if model.IsControl(i) or model.IsUnknown(i):
                kind = "control"
            elif model.IsByte(i):
                kind = "byte"
            elif text.startswith("<TOKENS_UNUSED_"):
                kind = "defined"
            elif model.IsUnused(i) and i != self._nul:
                kind = "unused"
            found.append(Piece(text, model.GetScore(i), kind))
        return found

    def encode(self, text: str, *, bos: bool = False) -> list[int]:
        """Token ids of `text`, with `<s>` in front if `bos`."""
        ids = [self.bos] if bos else []
        at = 0
        for mark in self._split.finditer(text):
            ids += self._pieces(text[at : mark.start()])
            ids.append(self._marks[mark.group(1)])
            at = mark.end()
        return ids + self._pieces(text[at:])

    def _pieces(self, text: str) -> list[int]:
        if self._nul is None or "\0" not in text:
            return list(self._model.EncodeAsIds(text)) if text else []
        ids: list[int] = []
        for number, part in enumerate(text.split("\0")):
            ids += [self._nul] * (number > 0) + (self._model.EncodeAsIds(part) if part else [])
        return ids

    def decode(self, ids: Iterable[int], *, skip_special: bool = True) -> str:
        """The text of `ids`. With `skip_special`, `<s>`, `</s>` and `<unk>` are left out; added tokens never are.

        Otherwise a special puts one blank in front of the run of ordinary pieces before it (unless a special precedes
        it), as the published tokenizer does.
        """
        texts: list[str] = []  # joined by blanks: the ordinary text, and each added token apart
        run: list[int] = []
        for i in ids:
            if skip_special and i in self._specials:
                continue
            if i in self._names:
                texts += [self._run(run)] if run else []
                texts.append(self._names[i])
                run = []
            else:
                run.append(i)
        texts += [self._run(run)] if run else []
        return " ".join(texts)

    def _run(self, ids: Sequence[int]) -> str:
        out, after_special = "", False
        pieces: list[int] = []
        for i in ids:
            if i in self._specials:
                out += ("" if after_special else " ") + self._text(pieces) + self._specials[i]
                pieces, after_special = [], True
            else:
                pieces.append(i)
                after_special = False
        return out + self._text(pieces)

    def _text(self, pieces: list[int]) -> str:
        runs: list[list[int]] = [[]]
        for i in pieces:
            if i == self._nul:
                runs.append([])
            else:
                runs[-1].append(i)
        return "\0".join(str(self._model.DecodeIds(run)) if run else "" for run in runs)
