"""The texts of the Models tab: all are sent to its script but for those with a further dot, which Python fills."""

from collections.abc import Mapping

from common.messages import Text, _

MODELS_TEXTS: Mapping[str, Text] = {
    # what is loaded
    "models.loaded": _("Loaded now"),
    "models.nothing": _("No model is loaded"),
    "models.engine": _("Engine"),
    "models.sees": _("Pictures"),
    "models.sees_most": _("sees up to {count} in one question"),
    "models.blind": _("does not see them; they are described to it in words"),
    "models.context": _("Context"),
    "models.tokens": _("{count} tokens"),
    "models.languages": _("Languages"),
    "models.language.en": _("English"),
    "models.language.zh": _("Chinese"),
    "models.precision": _("Precision"),
    "models.devices": _("Runs on"),
    "models.memory": _("Memory"),
    "models.gigabytes": _("{size} GB"),
    "models.at_once": _("At once"),
    "models.calls": _("{count} requests"),
    "models.texts": _("{count} texts side by side"),
    "models.one": _("one request; the others wait"),
    "models.speed": _("Speed of the last text"),
    "models.licence": _("Licence"),
    "models.licence_unknown": _("not known here: see its publisher"),
    "models.limits": _("What it cannot do"),
    # another one
    "models.another": _("Load another model"),
    "models.name": _("Name, folder, .gguf file, or address of a server"),
    "models.name_example": _("qwen3-vl-4b, /models/my.gguf, http://127.0.0.1:8000/v1"),
    "models.precision_choice": _("Weights"),
    "models.published": _("as published"),
    "models.bits": _("{bits} bits"),
    "models.load": _("Load"),
    "models.stays": _("The present model goes on answering until the new one has answered."),
    "models.cancel": _("Cancel"),
    "models.free_first": _("Free the present one first"),
    "models.locked": _("Whoever runs this page has chosen its model."),
    "models.failed": _("This did not work. Try again, or load the page anew."),
    "models.busy": _("A model is being loaded or downloaded already. Wait for it, or cancel it."),
    "models.answers": _("{name} answers from now on."),
    "models.downloaded": _("{name} is downloaded."),
    "models.job.waiting": _("{name} is ready. Those who are at work finish with the present model first."),
    "models.job.switching": _("{name} takes over"),
    "models.job.cancelling": _("Cancelling"),
    "models.job.cancelled": _("Cancelled. What was downloaded stays for the next time."),
    # the known ones
    "models.known": _("Models for this machine"),
    "models.machine": _(
        "Memory of this machine: {total}, {free} of it free. Sizes on a coloured ground fit; weights quantized to 8 or "
        "4 bits need an NVIDIA card."
    ),
    "models.machine_cards": _("Memory of the cards: {total}, {free} of it free. Sizes on a coloured ground fit."),
    "models.in_use": _("loaded"),
    "models.download": _("Download"),
    "models.download_size": _("Download ({size})"),
    "models.go_on": _("Continue download ({percent} %)"),
    "models.too_large": _("too large for this machine"),
    "models.slow": _("slow without an NVIDIA card"),
    "models.fits": _("fits"),
    "models.no_fit": _("does not fit"),
    # found ones
    "models.found": _("Found on this machine"),
    "models.none_found": _("No other models were found."),
    "models.seeing": _("sees pictures"),
    "models.text_only": _("text only"),
    "models.no_template": _("no chat template"),
    "models.memory_about": _("about {size} of memory"),
    "models.look": _("Look for servers"),
    "models.looking": _("Looking"),
    "models.no_servers": _("No server answers at the usual ports."),
}
