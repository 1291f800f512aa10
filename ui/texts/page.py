"""Every label and message of the page, and the one way to look them up.

Keys that begin with "view." are the labels of the article view, "gallery." those of the gallery view, "models." those
of the view of models, "header." those of the header; they are sent to the browser. The rest are labels of Gradio
components and sentences from Python. Other languages stand in the catalogues, see common.messages.
"""

from collections.abc import Mapping

from common.errors import ReadableError
from common.messages import Text, _, _p, language_name, languages
from ui.texts.chat import CHAT_TEXTS
from ui.texts.gallery import GALLERY_TEXTS
from ui.texts.models import MODELS_TEXTS

TEXTS: Mapping[str, Text] = {
    **CHAT_TEXTS,
    **GALLERY_TEXTS,
    **MODELS_TEXTS,
    # tabs
    "tab.write": _("Write"),
    "tab.chat": _("Chat"),
    "tab.gallery": _("Gallery"),
    "tab.models": _("Models"),
    # header
    "header.language": _("Language"),
    "header.switch": _("Switch to {name}"),
    "header.theme_title": _("Switch between light and dark"),
    "header.lost": _("Not connected"),
    "header.lost_detail": _("What is shown here is kept."),
    # status of the model
    "status.waiting": _("Starting"),
    "status.find": _("Looking for the model"),
    "status.download": _("Downloading the model"),
    "status.assemble": _("Putting the model file together"),
    "status.verify": _("Checking the model file"),
    "status.load": _("Loading the model"),
    "status.ready": _("Ready"),
    "status.failed": _("No model: {reason}"),
    "status.sees": _("sees pictures"),
    "status.blind": _("reads pictures' descriptions only"),
    "status.speed": _("{speed} tokens/s"),
    "status.no_gallery": _("No gallery: {reason}"),
    # compose: the form
    "compose.title": _("What shall we write about?"),
    "compose.placeholder": _("A title, or what you want to read"),
    "compose.write": _p("compose", "Write"),
    "compose.way": _("What it begins with"),
    "compose.way.title": _("A title"),
    "compose.way.own": _("My own text"),
    "compose.own": _("Which text shall be illustrated?"),
    "compose.own_placeholder": _(
        "Paste your text, or drop a .md, .txt, .docx or .html file here. Not a word of it is changed. An article file "
        "(.json) is opened as it was saved."
    ),
    "compose.illustrate": _("Illustrate"),
    "compose.file": _("Choose a file"),
    "compose.material": _("My pictures"),
    "compose.material_info": _("Up to 20. Each stands in the article once, before pictures of the gallery."),
    "compose.pictures": _("Pictures"),
    "compose.automatic": _("Automatic"),
    "compose.none": _("None"),
    "compose.select": _("The model selects the pictures"),
    "compose.select_info": _("Otherwise the best match of the gallery is taken"),
    "compose.advanced": _("Advanced settings"),
    "compose.reset": _("Back to how it was"),
    "compose.length": _("Length"),
    "compose.length.short": _("Short"),
    "compose.length.medium": _("Medium"),
    "compose.length.long": _("Long"),
    "presets.title": _("Presets"),
    "presets.none": _("No preset"),
    "presets.save": _("Save as a preset"),
    "presets.delete": _("Delete"),
    "presets.name": _("Name of the preset"),
    "presets.keep": _("Save"),
    "presets.cancel": _("Cancel"),
    "presets.nameless": _("Type a name first."),
    "presets.kept": _("Kept in this browser as “{name}”."),
    "presets.dropped": _("Deleted “{name}”."),
    "presets.forbidden": _("Not kept: this browser forbids the page to remember anything."),
    "compose.tone": _("Tone"),
    "compose.tone.any": _p("tone", "Automatic"),
    "compose.readers": _("Readers"),
    "compose.readers_placeholder": _("Anybody; or, for example: gardeners who have just begun"),
    "compose.temperature": _("Temperature"),
    "compose.temperature_info": _("0 always takes the likeliest word"),
    "compose.top_p": _("Top p"),
    "compose.top_p_info": _("Words beyond this share of probability are left out"),
    "compose.penalty": _("Repetition penalty"),
    "compose.beams": _("Beam size"),
    "compose.seed": _("Seed"),
    "compose.seed_info": _("Empty: another text each time"),
    # compose: sentences
    "say.empty_title": _("Enter a title or an instruction first."),
    "say.long_title": _("The title has {length} characters; at most {limit} can be used. Shorten it and write again."),
    "say.busy": _("Wait until the article is finished, or press Stop first."),
    "say.no_article": _("There is no article yet. Write one first."),
    "say.not_taken": _(
        "The program was restarted and could not take over the article on this page: {reason} Copy what you need "
        "before you leave the page."
    ),
    "say.lost_pictures": _(
        "The program was restarted. Pictures of the article that are no longer in the gallery: {count}."
    ),
    "say.lost_here": _("Pictures of the article that are not in the gallery, and are left out: {count}."),
    "say.missing_pictures": _(
        "These pictures of the article are not here: {names}. They stay marked; choose others in their place, or open "
        "the gallery that has them and open the file again."
    ),
    "say.left_out": _("Pictures that are not there and are left out: {names}."),
    "say.saved_without": _("Saved as {name}, without pictures that are no longer there: {names}."),
    "say.copied_without": _("Copied without pictures that are no longer there: {names}."),
    "say.not_shorter": _("No shorter text came. Try again, or say in the menu what can be left out."),
    "say.no_change": _("The model sees nothing to change."),
    "say.proposal_gone": _("This proposal is gone. Ask for it again."),
    "say.gone": _("This paragraph no longer exists."),
    "say.nothing_found": _("Nothing in the gallery fits “{query}”. Try other words."),
    "say.empty_query": _("Enter what the picture should show."),
    "say.bad_upload": _("The upload did not arrive. Try again."),
    "say.broken": _("Something went wrong ({reason}). What was written so far is kept; try again."),
    "say.saved": _("Saved as {name}"),
    # the article view
    "view.step.write": _("Write"),
    "view.step.spot": _("Find places"),
    "view.step.caption": _("Describe"),
    "view.step.retrieve": _("Search"),
    "view.step.select": _("Choose"),
    "view.stop": _("Stop"),
    "view.stopping": _("Stopping"),
    "view.waiting": _("Waiting for the model, which is working for someone else"),
    "view.waiting_next": _("Waiting for the model"),
    "view.about_seconds": _("about {seconds} s"),
    "view.about_minutes": _("about {minutes} min"),
    "view.seconds": _("s"),
    "view.done": _("Finished in {seconds} s"),
    "view.stopped": _("Stopped. What was written is kept."),
    "view.interrupted": _("The program or the page ended while this article was being written. Its rest is missing."),
    "view.interrupted_pictures": _(
        "The program or the page ended while pictures were being looked for. The text is complete."
    ),
    "view.interrupted_empty": _("The program or the page ended before the first word of this article was written."),
    "view.go_on": _("Go on"),
    "view.as_it_is": _("It stays as it is"),
    "view.words": _("{count} words"),
    "view.pictures": _("{count} pictures"),
    "view.picture_one": _("1 picture"),
    "view.searching": _("Looking for a picture"),
    "view.no_picture": _("No picture chosen"),
    "view.missing": _("This picture is not here: {name}"),
    "view.edit": _("Edit text"),
    "view.add": _("Add picture"),
    "view.adding": _("The model proposes a picture"),
    "view.open": _("Change picture"),
    "view.credit": _("Credit"),
    "view.approximate": _("Described by an image classifier, approximate"),
    "view.credits": _("Pictures"),
    "view.ask": _("Ask about it"),
    "view.ask_title": _("Begins a conversation about this article"),
    "view.export": _("Export"),
    "view.export_made_by": _("Say at the end how it was made"),
    "view.exporting": _("{format}: {percent} %"),
    "view.export_stop": _("Cancel"),
    "view.copy": _("Copy with looks"),
    "view.copy_wechat": _("Copy for WeChat"),
    "view.copied": _("Copied. Paste it where you write."),
    "view.copy_failed": _("The browser did not let the article be copied. Export it as a web page, and copy it there."),
    "view.inspector": _("Picture"),
    "view.close": _("Close"),
    "view.caption": _("Caption"),
    "view.caption_hint": _("What the picture should show"),
    "view.alt": _("Alternative text"),
    "view.alt_hint": _("For those who cannot see the picture. If empty, the caption is read out."),
    "view.crop": _("Crop"),
    "view.focus": _("What must stay in sight: click it in the picture, or move the point with the arrow keys"),
    "view.width": _("Width"),
    "view.width.half": _p("width", "Half"),
    "view.width.column": _p("width", "Column"),
    "view.width.full": _p("width", "Full"),
    "view.changed": _("The text beside this picture has changed since it was chosen."),
    "view.changed_short": _("the text has changed"),
    "view.renew": _("New candidates"),
    "view.still_fits": _("It still fits"),
    "view.search": _("Search"),
    "view.candidates": _("Candidates"),
    "view.less_likely": _("Less likely"),
    "view.share": _("The model's share"),
    "view.fits": _("fits"),
    "view.perhaps": _("perhaps"),
    "view.why": _("Why this one"),
    "view.why_named": _("The model named “{query}” as something to show here."),
    "view.why_query": _("Found with “{query}” from the text."),
    "view.why_words": _("Of what the picture is called, this stands in the text: {words}."),
    "view.why_similarity": _("How near “{query}” is in meaning to what the picture is called: {percent} %."),
    "view.why_yes": _("How sure the model alone is that it fits beside this paragraph: {percent} %."),
    "view.why_fit": _("How likely it fits, from all of this: {percent} %."),
    "view.looked_for": _("No picture stands here. Looked for: {queries}"),
    "view.upload": _("Upload my own"),
    "view.own": _("My own picture"),
    "view.uploading": _("Uploading the picture"),
    "view.placed": _("The picture stands in the article."),
    "view.remove": _("Remove"),
    "view.undo": _("Undo"),
    "view.redo": _("Redo"),
    "view.edit_hint": _(
        "Enter saves, in the middle it splits the paragraph; / at either end makes blocks; Escape discards"
    ),
    "view.edit_hint_markdown": _("Markdown. Ctrl+Enter saves, Escape discards"),
    "view.title_label": _("Title"),
    "view.dismiss": _("Dismiss"),
    # one section
    "view.menu": _("More: rewrite, move, delete"),
    "view.wish": _("What should change?"),
    "view.task.wish": _p("task", "Change"),
    "view.task.rewrite": _p("task", "Rewrite"),
    "view.task.expand": _p("task", "Expand"),
    "view.task.shorten": _p("task", "Shorten"),
    "view.task.simplify": _p("task", "Simplify"),
    "view.task.correct": _p("task", "Correct spelling"),
    "view.task.translate": _p("task", "Translate"),
    "view.task.continue": _p("task", "Continue"),
    "view.task.insert_before": _p("task", "Write one before"),
    "view.task.insert_after": _p("task", "Write one after"),
    "view.task.tone": _p("task", "Another tone"),
    "view.tone": _("Change the tone …"),
    "view.tone.neutral": _p("tone", "Neutral"),
    "view.tone.news": _p("tone", "News"),
    "view.tone.travel": _p("tone", "Travel magazine"),
    "view.tone.advertising": _p("tone", "Advertising"),
    "view.tone.science": _p("tone", "Popular science"),
    "view.tone.children": _p("tone", "For children"),
    "view.tone.personal": _p("tone", "Personal letter"),
    "view.write_on": _("Write anew from here"),
    "view.select": _("Select"),
    "view.unselect": _("End the selection"),
    "view.selected": _("Sections selected: {count}"),
    "view.several": _("Change them …"),
    "view.blocks": _("Blocks"),
    "view.block.paragraph": _("Paragraph"),
    "view.block.heading": _("Heading"),
    "view.block.subheading": _("Subheading"),
    "view.block.list": _("List"),
    "view.block.numbered": _("Numbered list"),
    "view.block.quote": _("Quotation"),
    "view.block.code": _("Code"),
    "view.block.table": _("Table"),
    "view.block.rule": _("Line between sections"),
    "view.move_up": _("Move up"),
    "view.move_down": _("Move down"),
    "view.join": _("Join with the one above"),
    "view.delete": _("Delete"),
    "view.proposing": _("The model writes a proposal"),
    "view.accept": _("Accept"),
    "view.accept_some": _("Accept {taken} of {count}"),
    "view.discard": _("Discard"),
    "view.try_again": _("Try again"),
    "view.drop_change": _("Click to leave this change out"),
    "view.take_change": _("Click to take this change"),
    "view.insert": _("Insert pictures"),
    "view.insert_title": _("Plan the pictures anew; pictures chosen by hand stay"),
    "view.automatic": _("automatic"),
    # drafts: the sidebar and sentences about them
    "drafts.own_copy": _(
        "This draft was changed in another tab. Nothing there was overwritten: what you have here is now a draft of "
        "its own."
    ),
    "drafts.written_elsewhere": _(
        "This article is being written in another tab. It is shown here as it grows; edit it when it is finished."
    ),
    "drafts.followed": _("This draft was changed in another tab; this is what it is now."),
    "drafts.not_kept": _(
        "The draft could not be saved. {reason} What is shown stays in this tab; the next change is saved with it."
    ),
    "drafts.title": _("Drafts"),
    "drafts.new": _("New article"),
    "drafts.search": _("Search drafts"),
    "drafts.close": _("Close the list of drafts"),
    "drafts.empty": _("What you write is kept here."),
    "drafts.nothing": _("No draft has these words."),
    "drafts.no_archived": _("Nothing is archived."),
    "drafts.more": _("Show more"),
    "drafts.show_archived": _("Show the archived ones"),
    "drafts.show_drafts": _("Show the drafts"),
    "drafts.untitled": _("Untitled"),
    "drafts.words": _("{count} words"),
    "drafts.menu": _("More"),
    "drafts.rename": _("Rename"),
    "drafts.versions": _("Versions"),
    "drafts.versions_title": _("Versions"),
    "drafts.versions_back": _("Back to the drafts"),
    "drafts.versions_name": _("Name this version"),
    "drafts.versions_keep": _("Keep"),
    "drafts.versions_none": _("No version has a name yet."),
    "drafts.versions_all": _("Show every change"),
    "drafts.versions_named": _("Show the named ones"),
    "drafts.versions_present": _("now"),
    "drafts.versions_compared": _("What changed since “{name}”"),
    "drafts.versions_with": _("Compared with"),
    "drafts.versions_now": _("what is there now"),
    "drafts.versions_equal": _("These two are the same."),
    "drafts.versions_same": _("Nothing has changed since then."),
    "drafts.versions_restore": _("Restore this version"),
    "drafts.versions_picture": _("Picture: {before} → {after}"),
    "drafts.close_comparison": _("Close"),
    "drafts.what_write": _("Written"),
    "drafts.what_illustrate": _("Pictures placed"),
    "drafts.what_restore": _("Restored"),
    "drafts.what_edit": _("Edited"),
    "drafts.duplicate": _("Duplicate"),
    "drafts.archive": _p("drafts", "Archive"),
    "drafts.unarchive": _("Take out of the archive"),
    "drafts.delete": _("Delete"),
    "drafts.deleted": _("Deleted “{title}”."),
    "drafts.archived": _("Archived “{title}”."),
    "drafts.unarchived": _("“{title}” is among the drafts again."),
    "drafts.undo": _("Undo"),
    "drafts.copy_of": _("{title} (copy)"),
    "drafts.failed": _("This did not work. Try again, or load the page anew."),
    "drafts.no_key": _("Drafts are not kept: this browser forbids the page to remember anything."),
}


def text(key: str, language: str, **values: object) -> str:
    """The label or sentence of that key. Raises KeyError for an unknown key or a missing value."""
    return TEXTS[key].filled(**values).text(language)


def table(prefix: str, language: str) -> dict[str, str]:
    """All texts whose key begins with `prefix.`, without the prefix: what is sent to a script in the browser."""
    return {key[len(prefix) + 1 :]: text(key, language) for key in TEXTS if key.startswith(f"{prefix}.")}


def language_choices() -> list[dict[str, str]]:
    """The languages of the page for the header's switch: code, tag, own name, and the invitation to switch in it."""
    return [
        {
            "code": code,
            "tag": language_tag(code),
            "name": language_name(code),
            "title": text("header.switch", code, name=language_name(code)),
        }
        for code in languages()
    ]


def language_tag(code: str) -> str:
    """A catalogue's language as browsers name it (BCP 47): "pt_BR" is "pt-BR". The catalogue "zh" is written in the
    simplified characters of mainland China, which its tag says because fonts differ."""
    return "zh-CN" if code == "zh" else code.replace("_", "-")


def error_sentence(error: Exception, language: str) -> str:
    """What a person reads of an error: its own sentence, or its kind and text where it was not foreseen."""
    if isinstance(error, ReadableError):
        return error.text(language)
    return f"{type(error).__name__}: {error}"
