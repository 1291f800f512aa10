"""Who may enter: the file of --auth."""

from pathlib import Path

from common.decoding import decode_text
from common.messages import _
from composer.errors import SettingsError


def read_logins(file: Path | None) -> list[tuple[str, str]] | None:
    """Names and passwords from a file of lines "name:password". Raises SettingsError."""
    if file is None:
        return None
    try:
        lines = [line.strip() for line in decode_text(file.expanduser().read_bytes()).splitlines()]
    except OSError as error:
        raise SettingsError(
            name="auth", value=file, reason=_("the file cannot be read: {error}", error=error)
        ) from error
    pairs = [tuple(line.split(":", 1)) for line in lines if line and not line.startswith("#")]
    logins = [(pair[0].strip(), pair[1]) for pair in pairs if len(pair) == 2 and pair[0].strip() and pair[1]]
    if not logins or len(logins) != len(pairs):
        raise SettingsError(
            name="auth", value=file, reason=_("each line must be name:password, and there must be at least one.")
        )
    return logins
