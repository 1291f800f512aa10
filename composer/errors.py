"""Errors of composing and chatting that a person may read.

common.errors.ReadableError
└── ComposerError
    ├── InputError            what the person typed or uploaded cannot be used
    ├── PictureError          a picture cannot be used
    ├── UnknownModel          no model of that name
    ├── ModelFilesMissing     the model is known, its files are not here
    ├── ModelFilesBroken      the files are here and are not what they should be
    ├── EndpointUnusable      a server of models does not answer, or in another form
    ├── ModelFailed           the model broke while working
    ├── OutOfMemory           the device has too little memory
    ├── SettingsError         a setting has a bad value
    ├── ExportError           the article cannot be saved there
    │   └── PictureGone       a picture of the article is no longer there
    ├── ExportFailed          the article cannot be made into a document of that form
    ├── ExportStopped         a person stopped the export
    ├── ArticleUnreadable     a saved article is not in a form that is known
    ├── ConvertError          a converted model cannot be written
    ├── DraftNotFound         no draft of that id, or it is another person's
    ├── DraftChanged          somebody else changed the draft meanwhile
    ├── VersionNotFound       a draft has no such version
    ├── DraftsUnavailable     the drafts of this machine cannot be read or written
    ├── ConversationNotFound  no conversation of that id, or it is another person's
    ├── ConversationUnreadable  a saved conversation is not in a form that is known
    ├── ConversationsUnavailable  the conversations of this machine cannot be read or written
    ├── NoPictureFound        the gallery has nothing for a place
    ├── FewerPlaces           more pictures were asked for than the article has paragraphs
    └── OtherLanguage         the text is in neither of the languages that captions can be in
"""

import json
from collections.abc import Mapping
from typing import Any

from common.errors import ReadableError
from common.messages import Text, _


class ComposerError(ReadableError):
    """Something about articles, models or settings that a person must know."""


class InputError(ComposerError):
    """What the person typed or uploaded cannot be used; `reason` is a whole sentence."""


class PictureError(ComposerError):
    sentence = _("The picture '{name}' cannot be used: {reason}")


class UnknownModel(ComposerError):
    sentence = _(
        "There is no model named '{name}'. Known models: {known}. A folder or a .gguf file can be given "
        "too: --folder PATH; a model on a server: --base_url URL --served_name NAME"
    )


class ModelFilesMissing(ComposerError):
    sentence = _("The files of the model '{name}' are missing: {missing}. {way_out}")


class ModelFilesBroken(ComposerError):
    sentence = _("The model file '{path}' cannot be used: {reason}")


class EndpointUnusable(ComposerError):
    sentence = _("The server {url} cannot be used: {reason}.")


class ModelFailed(ComposerError):
    sentence = _("The model '{name}' failed while {doing}: {reason}. What was written so far is kept; try again.")


class OutOfMemory(ComposerError):
    sentence = _("The model '{name}' needs about {needed} on {device}, which has {free} free. {way_out}")


class SettingsError(ComposerError):
    sentence = _("The setting '{name}' has the value '{value}': {reason}")


class ExportError(ComposerError):
    sentence = _(
        "The article cannot be saved to '{place}': {reason}. Nothing was lost; choose another place and save again."
    )


class PictureGone(ExportError):
    sentence = _(
        "The picture '{name}' of the article is no longer there. Choose another one in its place or remove it, and "
        "save again."
    )


class ExportFailed(ComposerError):
    sentence = _("The article cannot be made into {form}: {reason}.")


class ExportStopped(ComposerError):
    sentence = _("The export was stopped; no file was written.")


class ArticleUnreadable(ComposerError):
    sentence = _("The article cannot be read: {reason}")


class ConvertError(ComposerError):
    sentence = _("The converted model cannot be written to '{place}': {reason}. Choose another folder.")


class DraftNotFound(ComposerError):
    sentence = _("There is no draft '{id}' here. The list of drafts shows those that can be opened.")


class DraftChanged(ComposerError):
    """`step` is the one that the draft is at now."""

    sentence = _("The draft '{title}' was changed elsewhere in the meantime. Open it again to see what is there now.")


class VersionNotFound(ComposerError):
    sentence = _("The draft has no version or step '{wanted}'. There are: {known}.")


class DraftsUnavailable(ComposerError):
    sentence = _("The drafts in '{place}' cannot be used: {reason}")


class ConversationNotFound(ComposerError):
    sentence = _("There is no conversation '{id}' here. The list of conversations shows those that can be opened.")


class ConversationUnreadable(ComposerError):
    sentence = _("The conversation cannot be read: {reason}")


class ConversationsUnavailable(ComposerError):
    sentence = _("The conversations in '{place}' cannot be used: {reason}")


class NoPictureFound(ComposerError):
    sentence = _("No picture was found for '{caption}'. Search with other words, or use a picture of your own.")


class NothingToIllustrate(InputError):
    sentence = _("There is no paragraph to illustrate. Write some text first.")


class NoPictureFits(ComposerError):
    sentence = _(
        "The gallery '{gallery}' has no picture that fits this text well, so none was placed. Ask for a number of "
        "pictures to get the nearest ones, or choose another gallery."
    )


class FewerPlaces(ComposerError):
    sentence = _(
        "{places} of the {asked} pictures have a place: each paragraph takes one, and the gallery has none for the "
        "others."
    )


class OtherLanguage(ComposerError):
    sentence = _(
        "This text seems to be in neither English nor Chinese. The captions of its pictures are in {language}; each "
        "can be clicked and changed."
    )


def json_problem(error: Exception) -> Text:
    """What `json.loads` found wrong with a text, as a sentence for people, in their language."""
    if isinstance(error, json.JSONDecodeError):
        return _("it is no JSON: line {line}, column {column}.", line=error.lineno, column=error.colno)
    return _("it is no JSON: {error}.", error=error)


def validation_problem(error: Mapping[str, Any]) -> Text:
    """What pydantic found wrong with one value (an item of `ValidationError.errors()`), as a sentence for people."""
    context = error.get("ctx", {})
    most = context.get("max_length") or 0
    too_long = _("it has more than {most:,} characters.", most=most)
    problems = {
        "missing": _("it is missing."),
        "unexpected_keyword_argument": _("there is no such field."),
        "literal_error": _("it must be {expected}.", expected=context.get("expected")),
        "greater_than_equal": _("it must be at least {least}.", least=context.get("ge")),
        "less_than_equal": _("it must be at most {most}.", most=context.get("le")),
        "int_parsing": _("it must be a whole number."),
        "int_type": _("it must be a whole number."),
        "int_from_float": _("it must be a whole number."),
        "float_parsing": _("it must be a number."),
        "float_type": _("it must be a number."),
        "bool_parsing": _("it must be true or false."),
        "bool_type": _("it must be true or false."),
        "string_type": _("it must be text."),
        "path_type": _("it must be a path."),
        "string_too_long": too_long,
        "too_long": _("it has more than {most:,} entries.", most=most)
        if context.get("field_type") == "List"
        else too_long,
        "tuple_type": _("it must be a list."),
        "list_type": _("it must be a list."),
        "dict_type": _("it must be an object with fields."),
        "dataclass_type": _("it must be an object with fields."),
    }
    return problems.get(error["type"]) or Text("{problem}.", {"problem": error["msg"]})
