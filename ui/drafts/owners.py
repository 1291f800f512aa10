"""Whose drafts a visitor sees: those of their login, without logins those of their browser's key (first.js)."""

import hashlib
import hmac
import re


def owner_of(login: str | None, key: object) -> str | None:
    """The owner as the store knows it; None for a browser that keeps no key: nothing of it is kept.

    Of a key its hash is stored, so that who reads the file cannot pass for its owner.
    """
    if login:
        return f"login:{login}"
    if isinstance(key, str) and re.fullmatch(r"[0-9a-f]{32,128}", key):
        return f"browser:{hashlib.sha256(key.encode()).hexdigest()[:32]}"
    return None


def proof_of(secret: bytes, owner: str | None) -> str:
    """What the page gives a visitor's view, so that its questions show whose they are: who has logged in is told to
    events of the page, not to functions that a view calls. secret: of this process."""
    return f"{_sign(secret, owner)}.{owner}" if owner else ""


def proven(secret: bytes, proof: str) -> str | None:
    """The owner that `proof_of` was given; None for anything else."""
    signature, _dot, owner = proof.partition(".")
    return owner if owner and hmac.compare_digest(signature.encode(), _sign(secret, owner).encode()) else None


def _sign(secret: bytes, owner: str) -> str:
    return hmac.new(secret, owner.encode(), hashlib.sha256).hexdigest()
