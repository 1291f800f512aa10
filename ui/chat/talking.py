"""The conversation of a session, and what is kept of it: begun, opened, continued, paged through.

What cannot be kept lives on in the session, and is written with the next change.
"""

import logging
from collections.abc import Callable
from dataclasses import replace

from common.errors import ReadableError
from composer.conversations import Conversations, Exchange, KeptConversation, Material, Parameters, new_id
from composer.errors import ConversationNotFound
from ui.chat.shown import read_shown
from ui.lasting import Soon
from ui.session import Session, Talk
from ui.studio import Studio
from ui.texts import text

_log = logging.getLogger(__name__)


def conversations_of(studio: Studio, session: Session) -> Conversations | None:
    """The kept conversations of a visitor; None where nothing is kept of them."""
    if studio.conversations is None or session.owner is None:
        return None
    return studio.conversations.of(session.owner)


def begin(session: Session, material: Material | None = None) -> None:
    """An empty conversation, with the parameters of the one before; it is kept from its first question on."""
    with session.talking:
        session.talk = Talk(parameters=session.talk.parameters, material=material or Material())
        session.question, session.answer_problem, session.earlier_pictures = None, "", {}


def keep_begun(studio: Studio, session: Session, name: str) -> None:
    """Keeps a conversation that has begun with a text, before anything is asked."""
    conversations = conversations_of(studio, session)
    if conversations is None:
        return
    with session.talking:
        try:
            talk = session.talk
            made = conversations.create(talk.parameters, talk.material, name=name, conversation_id=talk.key)
            session.talk = replace(talk, kept=made.id, title=made.summary.title)
        except ReadableError as error:
            _fail(session, error)


def open_talk(studio: Studio, session: Session, conversation_id: str) -> None:
    """The session goes on with a kept conversation. Raises ConversationNotFound, ConversationsUnavailable."""
    conversations = conversations_of(studio, session)
    if conversations is None:
        raise ConversationNotFound(id=conversation_id[:64])
    _adopt(session, conversations.load(conversation_id))


def _adopt(session: Session, found: KeptConversation) -> None:
    with session.talking:
        session.talk = Talk(
            kept=found.id,
            title=found.summary.title,
            tree=found.tree,
            parameters=found.parameters,
            material=found.material,
        )
        session.question, session.answer_problem, session.earlier_pictures = None, "", {}


def take_over(studio: Studio, session: Session, owner: str, shown: object, conversation_id: str | None = None) -> None:
    """Takes the conversation from the page where another session filled it and this one has none: from what was kept
    or, where nothing was, from what the page shows. owner: id of the session that filled the page."""
    if not owner or owner in session.chat_names or session.talk.tree.exchanges:
        return
    session.chat_names.add(owner)
    if conversation_id:
        try:
            open_talk(studio, session, conversation_id)
            return
        except ReadableError:  # deleted, or not readable now: the page still shows it
            pass
    with session.talking:
        tree, session.earlier_pictures = read_shown(shown)
        session.talk = replace(session.talk, tree=tree)


def refresh(studio: Studio, session: Session) -> None:
    """What another tab has asked in the same conversation meanwhile stands in its tree from now on."""
    conversations = conversations_of(studio, session)
    with session.talking:
        talk = session.talk
        if conversations is None or talk.kept is None:
            return
        try:
            _catch_up(conversations, talk)
            found = conversations.load(talk.kept)
            session.talk = replace(talk, tree=found.tree, title=found.summary.title, behind=False)
        except ConversationNotFound:  # deleted in another tab: what is asked next begins a new one
            session.talk = replace(talk, kept=None, key=new_id())
        except ReadableError as error:
            _fail(session, error)


def record(studio: Studio, session: Session, exchange: Exchange) -> Exchange:
    """Adds a question to the conversation, which is kept from now on. Returns the exchange with its id."""
    conversations = conversations_of(studio, session)
    with session.talking:
        try:
            if conversations is not None:
                exchange = _recorded(conversations, session, exchange)
                session.talk_problem = False
        except ReadableError as error:
            _fail(session, error)
        tree = session.talk.tree.with_exchange(exchange)
        session.talk = replace(session.talk, tree=tree)
        return tree.exchanges[-1]


def _recorded(conversations: Conversations, session: Session, exchange: Exchange) -> Exchange:
    talk = session.talk
    if talk.kept is not None:
        try:
            _catch_up(conversations, talk)
            session.talk = replace(talk, behind=False)
            return conversations.add(talk.kept, exchange)
        except ConversationNotFound:  # deleted meanwhile
            talk = replace(talk, kept=None, key=new_id())
    made = conversations.create(talk.parameters, talk.material, tree=talk.tree, conversation_id=talk.key)
    session.talk = replace(talk, kept=made.id, tree=made.tree, behind=False)
    added = conversations.add(made.id, exchange)
    session.talk = replace(session.talk, title=conversations.summary(made.id).title)
    return added


def _catch_up(conversations: Conversations, talk: Talk) -> None:
    """Writes what could not be written before."""
    if talk.behind and talk.kept is not None:
        for exchange in talk.tree.exchanges:
            conversations.update(talk.kept, exchange)


def show(studio: Studio, session: Session, exchange_id: int) -> None:
    """Pages to that exchange. Raises KeyError."""
    with session.talking:
        tree = session.talk.tree.showing(exchange_id)
        session.talk = replace(session.talk, tree=tree)
        session.answer_problem = ""
        _keep(studio, session, lambda kept, talk: kept.show(talk, tree.get(exchange_id)))


def like(studio: Studio, session: Session, exchange_id: int, liked: bool | None) -> None:
    """What the person thinks of an answer. Raises KeyError."""
    with session.talking:
        exchange = replace(session.talk.tree.get(exchange_id), liked=liked)
        session.talk = replace(session.talk, tree=session.talk.tree.with_exchange(exchange))
        _keep(studio, session, lambda kept, talk: kept.update(talk, exchange))


def set_parameters(studio: Studio, session: Session, parameters: Parameters) -> None:
    """How the model is to answer in this conversation from now on."""
    with session.talking:
        if parameters != session.talk.parameters:
            session.talk = replace(session.talk, parameters=parameters)
            _keep(studio, session, lambda kept, talk: kept.set_parameters(talk, parameters))


def _keep(studio: Studio, session: Session, change: Callable[[Conversations, str], None]) -> None:
    """Makes a change of what is kept, too, where something is."""
    conversations = conversations_of(studio, session)
    if conversations is None or session.talk.kept is None:
        return
    try:
        change(conversations, session.talk.kept)
        session.talk_problem = False
    except ReadableError as error:
        _fail(session, error)


def _fail(session: Session, error: ReadableError) -> None:
    """What is shown lives on; the person reads once why it is not kept (`unkept_sentence`)."""
    if not session.talk_problem:
        _log.warning("A conversation could not be kept: %s", error)
        session.answer_problem = text("chat.not_kept", session.language, reason=error.text(session.language))
    session.talk_problem = True
    session.talk = replace(session.talk, behind=True)


class GrowingAnswer:
    """The answer that is being written: in the session with each piece, kept at least every second."""

    def __init__(self, studio: Studio, session: Session, exchange: Exchange) -> None:
        """exchange: as `record` returned it."""
        self.studio, self.session, self.exchange = studio, session, exchange
        self._key, self._kept = session.talk.key, session.talk.kept
        self._soon = Soon(self.save)

    def grow(self, answer: str, *, left_out: int = 0, finished: bool = False) -> None:
        with self.session.talking:
            self.exchange = replace(self.exchange, answer=answer, left_out=left_out, finished=finished)
            if self.session.talk.key == self._key:  # otherwise the person looks at another one by now
                liked = self.session.talk.tree.get(self.exchange.id).liked
                self.exchange = replace(self.exchange, liked=liked)
                tree = self.session.talk.tree.with_exchange(self.exchange)
                self.session.talk = replace(self.session.talk, tree=tree)
        self._soon.ask()

    def save(self) -> None:
        """Keeps it as far as it has come."""
        self._soon.cancel()
        conversations = conversations_of(self.studio, self.session)
        if conversations is None or self._kept is None:
            return
        with self.session.talking:
            try:
                conversations.update(self._kept, self.exchange)
            except ConversationNotFound:  # deleted meanwhile
                pass
            except ReadableError as error:
                _fail(self.session, error)
