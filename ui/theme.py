"""The looks of Gradio's own components: one theme of soft greys and one accent, on an 8 px grid.

The same tokens are CSS variables in demo_asset/studio.css, for the article view and everything drawn by ourselves.
Font stacks name what systems have; no font is fetched from anywhere.
"""

from functools import cache
from typing import Any

from common.resources import resource_folder

ASSETS = resource_folder("demo_asset")

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "Noto Sans CJK SC", "PingFang SC",
        "Microsoft YaHei", "sans-serif")  # fmt: skip
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


@cache
def asset(name: str) -> str:
    """A text file of demo_asset."""
    return (ASSETS / name).read_text(encoding="utf-8")


def theme() -> Any:
    """The theme for `launch`.

    Every colour of text has 4.5 to 1 on every ground it stands on (WCAG AA): the greys 500 on light and 400 on dark are
    the faintest, the greens 600 and 500 the lightest under white.
    """
    import gradio as gr

    grey = gr.themes.Color(
        name="ink", c50="#faf9f7", c100="#f3f2ef", c200="#e6e4df", c300="#d3d0c9", c400="#b0aca4", c500="#6b6760",
        c600="#5a5750", c700="#403e39", c800="#2a2926", c900="#1c1b19", c950="#131211",
    )  # fmt: skip
    accent = gr.themes.Color(
        name="teal", c50="#eef7f5", c100="#d6ebe7", c200="#add7d0", c300="#7cbcb3", c400="#4a9c92", c500="#2a7f76",
        c600="#1f6b63", c700="#1b5650", c800="#194541", c900="#173936", c950="#0b211f",
    )  # fmt: skip
    look = gr.themes.Base(
        primary_hue=accent,
        secondary_hue=accent,
        neutral_hue=grey,
        font=list(SANS),
        font_mono=list(MONO),
        radius_size=gr.themes.sizes.radius_md,
        spacing_size=gr.themes.sizes.spacing_md,
        text_size=gr.themes.sizes.text_md,
    )
    return look.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_900",
        body_text_color="*neutral_800",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="white",
        background_fill_primary_dark="*neutral_800",
        background_fill_secondary="*neutral_50",
        background_fill_secondary_dark="*neutral_900",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_border_width_dark="0px",
        block_shadow="none",
        block_shadow_dark="none",
        block_padding="0",
        block_radius="10px",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_title_text_color="*neutral_600",
        block_title_text_color_dark="*neutral_300",
        block_title_text_weight="500",
        block_title_text_size="13px",
        block_info_text_color="*neutral_500",
        block_info_text_color_dark="*neutral_400",
        border_color_primary="*neutral_200",
        border_color_primary_dark="*neutral_700",
        input_background_fill="white",
        input_background_fill_dark="*neutral_800",
        input_border_color="*neutral_200",
        input_border_color_dark="*neutral_700",
        input_border_color_focus="*primary_500",
        input_border_color_focus_dark="*primary_400",
        input_radius="10px",
        input_border_width="1px",
        input_border_width_dark="1px",
        button_border_width="1px",
        button_border_width_dark="1px",
        input_shadow="none",
        input_shadow_focus="0 0 0 3px color-mix(in srgb, var(--primary-500) 18%, transparent)",
        input_shadow_focus_dark="0 0 0 3px color-mix(in srgb, var(--primary-400) 22%, transparent)",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_500",
        button_primary_background_fill_hover_dark="*primary_600",
        button_primary_text_color="white",
        button_primary_border_color="transparent",
        button_primary_border_color_dark="transparent",
        button_secondary_background_fill="white",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_secondary_border_color="*neutral_200",
        button_secondary_border_color_dark="*neutral_700",
        button_large_radius="10px",
        button_small_radius="8px",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
        checkbox_background_color_selected="*primary_600",
        checkbox_border_color_selected="*primary_600",
        checkbox_background_color_selected_dark="*primary_500",
        checkbox_border_color_selected_dark="*primary_500",
    )
