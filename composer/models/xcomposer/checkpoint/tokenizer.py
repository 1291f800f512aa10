"""Text <-> token ids as in the published tokenizer: a SentencePiece model, and special tokens recognised in text.

`<s>`, `</s>`, `<unk>` and the tokens of added_tokens.json are recognised in text and absorb the blanks around them.
`<TOKENS_UNUSED_0>` and the others of that form are ordinary pieces of the model file.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from common.messages import _
from composer.errors import ModelFilesBroken, ModelFilesMissing

BOS, EOS, UNK = "<s>", "</s>", "<unk>"
END_OF_HUMAN, END_OF_BOT = "<TOKENS_UNUSED_0>", "<TOKENS_UNUSED_1>"
_FORMAT_MARKS = (
    r"<TOKENS_UNUSED_\d+>",
    r"<\|(?:User|Bot)\|>",
    "</?Img>",
)  # of turns and pictures, in the prompt format
NUL_PIECE = 354  # newer releases of SentencePiece encode NUL as a byte piece; the model was trained with this one


@dataclass(frozen=True, slots=True)
class Piece:
    """One entry of the model file."""

    text: str
    score: float  # of a normal piece: the higher, the earlier it is merged
    kind: Literal["normal", "defined", "control", "byte", "unused"]


class XComposerTokenizer:
    """The published tokenizer.

    Ids of the 7B format: 0 `<unk>`, 1 `<s>`, 2 `</s>` (also padding); 103027 and 103028 end a turn.
    """

    def __init__(self, path: str | Path, added: dict[str, int] | None = None) -> None:
        """path: of tokenizer.model. added: tokens beyond it -> ids. Raises ModelFilesBroken."""
        import sentencepiece

        # newer releases report at every load that the piece for NUL is ignored; `encode` makes up for that
        if quiet := getattr(sentencepiece, "SetMinLogLevel", None):
            quiet(2)
        self._model = sentencepiece.SentencePieceProcessor()
        try:
            self._model.Load(str(path))
        except (OSError, RuntimeError) as error:
            raise ModelFilesBroken(
                path=str(path),
                reason=_("SentencePiece cannot read it ({error})", error=str(error)[:80]),
            ) from error
        self.added = dict(added or {})
        self.bos, self.eos, self.unk = (self._model.PieceToId(piece) for piece in (BOS, EOS, UNK))
        self.pad = self.eos
        has_nul = self._model.GetPieceSize() > NUL_PIECE and self._model.IdToPiece(NUL_PIECE) == "\0"
        self._nul = NUL_PIECE if has_nul else None
        self._special_texts = {self.bos: BOS, self.eos: EOS, self.unk: UNK}
        self._added_texts = {i: name for name, i in self.added.items()}
        self._special_ids = {text: i for i, text in {**self._special_texts, **self._added_texts}.items()}
        # longest first, so that no token hides a longer one; the blanks on both sides belong to the token
        longest_first = sorted(self._special_ids, key=len, reverse=True)
        names = [re.escape(name) for name in longest_first]
        self._marks = re.compile("|".join([*names, *_FORMAT_MARKS]))
        self._special_pattern = re.compile(r"\s*(" + "|".join(map(re.escape, longest_first)) + r")\s*")

    @classmethod
    def from_folder(cls, folder: str | Path) -> "XComposerTokenizer":
        """The tokenizer of a checkpoint. Raises ModelFilesMissing or ModelFilesBroken."""
        folder = Path(folder)
        path, extra = folder / "tokenizer.model", folder / "added_tokens.json"
        if not path.is_file():
            raise ModelFilesMissing(
                name=str(folder),
                missing="tokenizer.model",
                way_out=_("Copy it from internlm/internlm-xcomposer-7b-4bit or -7b; all of them share it."),
            )
        try:
            added = json.loads(extra.read_text("utf-8")) if extra.is_file() else {}
            return cls(path, {str(name): int(i) for name, i in added.items()})
        except (ValueError, AttributeError, TypeError) as error:
            raise ModelFilesBroken(
                path=str(extra), reason=_("it is no table of tokens: {error}", error=error)
            ) from error

    def __len__(self) -> int:
        return int(self._model.GetPieceSize()) + len(self.added)

    def id(self, token: str) -> int:
        """The id of the token that is written so. Raises KeyError where there is none."""
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
        """Every entry of the model file, by id. `<TOKENS_UNUSED_0>` and the like are "defined": matched first."""
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

    def without_marks(self, text: str) -> str:
        """The text with a blank inside of everything that is a mark, here or in the prompt format, so that a text
        cannot end its turn."""
        return self._marks.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text)

    def encode(self, text: str, *, bos: bool = False) -> list[int]:
        """Token ids of `text`, with `<s>` in front if `bos`."""
        ids = [self.bos] if bos else []
        at = 0
        for special in self._special_pattern.finditer(text):
            ids += self._encode_pieces(text[at : special.start()])
            ids.append(self._special_ids[special.group(1)])
            at = special.end()
        return ids + self._encode_pieces(text[at:])

    def _encode_pieces(self, text: str) -> list[int]:
        if self._nul is None or "\0" not in text:
            return list(self._model.EncodeAsIds(text)) if text else []
        ids: list[int] = []
        for number, part in enumerate(text.split("\0")):
            ids += [self._nul] * (number > 0) + (self._model.EncodeAsIds(part) if part else [])
        return ids

    def decode(self, ids: Iterable[int], *, skip_special: bool = True) -> str:
        """The text of `ids`. With `skip_special`, `<s>`, `</s>` and `<unk>` are left out; added tokens never are.

        Without it, a special token puts one blank in front of the run of ordinary pieces before it (unless another
        special token precedes it), as the published tokenizer does.
        """
        texts: list[str] = []  # joined by blanks: runs of ordinary text, and added tokens one by one
        run: list[int] = []
        for i in ids:
            if skip_special and i in self._special_texts:
                continue
            if i in self._added_texts:
                texts += [self._decode_run(run)] if run else []
                texts.append(self._added_texts[i])
                run = []
            else:
                run.append(i)
        texts += [self._decode_run(run)] if run else []
        return " ".join(texts)

    def _decode_run(self, ids: Sequence[int]) -> str:
        out, after_special = "", False
        pieces: list[int] = []
        for i in ids:
            if i in self._special_texts:
                out += ("" if after_special else " ") + self._decode_pieces(pieces) + self._special_texts[i]
                pieces, after_special = [], True
            else:
                pieces.append(i)
                after_special = False
        return out + self._decode_pieces(pieces)

    def _decode_pieces(self, pieces: list[int]) -> str:
        runs: list[list[int]] = [[]]
        for i in pieces:
            if i == self._nul:
                runs.append([])
            else:
                runs[-1].append(i)
        return "\0".join(str(self._model.DecodeIds(run)) if run else "" for run in runs)
