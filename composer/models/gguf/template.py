"""What is wrong with a chat template, which the engine does not say.

Knows templates as Jinja, the language that they are written in; the engine has an interpreter of its own.
"""

from typing import Any, NoReturn

from jinja2 import TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from common.messages import Text, _

_CONVERSATION = [{"role": "user", "content": "Hello!"}]


def template_problem(template: str) -> Text | None:
    """Why the template cannot be used, or None where nothing is found."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals.update(raise_exception=_raise, strftime_now=lambda form: form)
    try:
        environment.from_string(template).render(
            messages=_CONVERSATION, add_generation_prompt=True, bos_token="<s>", eos_token="</s>", tools=None
        )
    except TemplateSyntaxError as error:
        return _("its chat template is broken in line {line}: {problem}", line=error.lineno, problem=error.message)
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        return _("its chat template is broken: {problem}", problem=error)
    return None


def _raise(message: Any) -> NoReturn:
    raise TemplateError(str(message))
