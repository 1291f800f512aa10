"""Every label and message of the page in English and Chinese, and the one way to look them up.

Keys that begin with "view." are the labels of the article view, "gallery." those of the gallery view, "header." those
of the header; they are sent to the browser. The rest are labels of Gradio components and sentences from Python.
"""

from collections.abc import Mapping

from composer.article import Language
from ui.gallery_texts import GALLERY_TEXTS

LANGUAGES = ("en", "zh")

TEXTS: Mapping[str, tuple[str, str]] = {
    # tabs
    "tab.write": ("Write", "写作"),
    "tab.chat": ("Chat", "对话"),
    "tab.gallery": ("Gallery", "图库"),
    # header
    "header.language": ("中文", "English"),
    "header.language_title": ("切换到中文", "Switch to English"),
    "header.theme_title": ("Switch between light and dark", "切换浅色与深色"),
    # status of the model
    "status.waiting": ("Starting", "正在启动"),
    "status.find": ("Looking for the model", "正在查找模型"),
    "status.download": ("Downloading the model", "正在下载模型"),
    "status.assemble": ("Putting the model file together", "正在拼合模型文件"),
    "status.verify": ("Checking the model file", "正在校验模型文件"),
    "status.load": ("Loading the model", "正在加载模型"),
    "status.ready": ("Ready", "已就绪"),
    "status.failed": ("No model: {reason}", "没有可用的模型：{reason}"),
    "status.speed": ("{speed} tokens/s", "{speed} 词元/秒"),
    "status.no_gallery": ("No gallery: {reason}", "没有可用的图库：{reason}"),
    # compose: the form
    "compose.title": ("What shall we write about?", "写点什么？"),
    "compose.placeholder": ("A title, or what you want to read", "标题，或你想读到的内容"),
    "compose.write": ("Write", "开始写作"),
    "compose.pictures": ("Pictures", "图片"),
    "compose.automatic": ("Automatic", "自动"),
    "compose.none": ("None", "无"),
    "compose.select": ("The model selects the pictures", "由模型挑选图片"),
    "compose.select_info": (
        "Otherwise the best match of the gallery is taken",
        "关闭后直接采用图库中最匹配的一张",
    ),
    "compose.advanced": ("Advanced settings", "高级设置"),
    "compose.length": ("Length", "篇幅"),
    "compose.length.short": ("Short", "短"),
    "compose.length.medium": ("Medium", "中"),
    "compose.length.long": ("Long", "长"),
    "compose.temperature": ("Temperature", "温度"),
    "compose.temperature_info": ("0 always takes the likeliest word", "0 表示总是取最可能的词"),
    "compose.top_p": ("Top p", "Top p"),
    "compose.top_p_info": ("Words beyond this share of probability are left out", "只在累计概率不超过此值的词中选择"),
    "compose.penalty": ("Repetition penalty", "重复惩罚"),
    "compose.beams": ("Beam size", "束搜索宽度"),
    "compose.seed": ("Seed", "随机种子"),
    "compose.seed_info": ("Empty: another text each time", "留空则每次不同"),
    # compose: sentences
    "say.empty_title": ("Enter a title or an instruction first.", "请先输入标题或要求。"),
    "say.long_title": (
        "The title has {length} characters; at most {limit} can be used. Shorten it and write again.",
        "标题有 {length} 个字符，最多 {limit} 个。请缩短后重试。",
    ),
    "say.busy": ("Wait until the article is finished, or press Stop first.", "请等待文章完成，或先按“停止”。"),
    "say.no_article": ("There is no article yet. Write one first.", "还没有文章，请先写一篇。"),
    "say.gone": ("This paragraph no longer exists.", "该段落已不存在。"),
    "say.nothing_found": (
        "Nothing in the gallery fits “{query}”. Try other words.",
        "图库中没有与“{query}”相符的图片，请换个说法。",
    ),
    "say.empty_query": ("Enter what the picture should show.", "请输入图片应展示的内容。"),
    "say.bad_upload": ("The upload did not arrive. Try again.", "上传未成功，请重试。"),
    "say.broken": (
        "Something went wrong ({reason}). What was written so far is kept; try again.",
        "出现问题（{reason}）。已写的内容已保留，请重试。",
    ),
    "say.saved": ("Saved as {name}", "已保存为 {name}"),
    # the article view
    "view.step.write": ("Write", "写作"),
    "view.step.spot": ("Find places", "选位置"),
    "view.step.caption": ("Describe", "写图注"),
    "view.step.retrieve": ("Search", "搜索"),
    "view.step.select": ("Choose", "挑选"),
    "view.stop": ("Stop", "停止"),
    "view.stopping": ("Stopping", "正在停止"),
    "view.waiting": ("Waiting for the model, which is working for someone else", "模型正在为他人工作，请稍候"),
    "view.waiting_next": ("Waiting for the model", "正在等待模型"),
    "view.seconds": ("s", "秒"),
    "view.done": ("Finished in {seconds} s", "用时 {seconds} 秒"),
    "view.stopped": ("Stopped. What was written is kept.", "已停止，已写的内容已保留。"),
    "view.words": ("{count} words", "{count} 字"),
    "view.pictures": ("{count} pictures", "{count} 张图片"),
    "view.picture_one": ("1 picture", "1 张图片"),
    "view.searching": ("Looking for a picture", "正在寻找图片"),
    "view.no_picture": ("No picture chosen", "尚未选择图片"),
    "view.edit": ("Edit text", "编辑文字"),
    "view.add": ("Add picture", "添加图片"),
    "view.adding": ("The model proposes a picture", "模型正在构思图片"),
    "view.open": ("Change picture", "更换图片"),
    "view.credit": ("Credit", "来源"),
    "view.approximate": ("Described by an image classifier, approximate", "由图像分类器描述，仅供参考"),
    "view.credits": ("Pictures", "图片"),
    "view.save_zip": ("Save Markdown", "存为 Markdown"),
    "view.save_zip_title": ("Save as Markdown with pictures, in a zip", "保存为 Markdown 及图片（zip）"),
    "view.save_html": ("Save web page", "存为网页"),
    "view.save_html_title": ("Save as one web page with the pictures inside", "保存为内嵌图片的单个网页"),
    "view.save": ("Save", "保存"),
    "view.inspector": ("Picture", "图片"),
    "view.close": ("Close", "关闭"),
    "view.caption": ("Caption", "图注"),
    "view.caption_hint": ("What the picture should show", "图片应展示的内容"),
    "view.search": ("Search", "搜索"),
    "view.candidates": ("Candidates", "候选图片"),
    "view.share": ("The model's share", "模型的倾向"),
    "view.upload": ("Upload my own", "上传图片"),
    "view.own": ("My own picture", "我的图片"),
    "view.uploading": ("Uploading the picture", "正在上传图片"),
    "view.remove": ("Remove", "移除"),
    "view.edit_hint": ("Enter saves, Escape discards", "回车保存，Esc 放弃"),
    "view.title_label": ("Title", "标题"),
    "view.dismiss": ("Dismiss", "关闭提示"),
    "view.insert": ("Insert pictures", "重新配图"),
    "view.insert_title": (
        "Plan the pictures anew; pictures chosen by hand stay",
        "重新安排配图；手动选择的图片会保留",
    ),
    "view.automatic": ("automatic", "自动"),
    # chat
    "chat.placeholder": ("Ask about anything, or add a picture", "随便问，也可以添加图片"),
    "chat.blind": (
        "This model cannot see. A picture is described to it by labels and by the text found in it.",
        "此模型看不到图片。图片会以标签和识别出的文字描述给它。",
    ),
    "chat.sees": ("Pictures are shown to the model.", "图片会直接展示给模型。"),
    "chat.hello": ("Chat with the model on your own machine", "与本机上的模型对话"),
    "chat.regenerate": ("Regenerate", "重新生成"),
    "chat.clear": ("Clear", "清空"),
    "chat.settings": ("Advanced settings", "高级设置"),
    "chat.length": ("Length of the answer, at most (tokens)", "回答的最大长度（词元）"),
    "chat.busy": ("Wait until the answer is finished, or press Stop first.", "请等待回答完成，或先按停止键。"),
    "chat.picture": ("Picture {number}", "图片 {number}"),
    "chat.empty": ("Write a question first.", "请先输入问题。"),
    "chat.looking": ("Looking at the picture …", "正在查看图片……"),
    "chat.stopped": ("(stopped)", "（已停止）"),
    **GALLERY_TEXTS,
}


def text(key: str, language: str, **values: object) -> str:
    """The label or sentence of that key. Raises KeyError for an unknown key or a missing value."""
    english, chinese = TEXTS[key]
    sentence = chinese if language == "zh" else english
    return sentence.format(**values) if values else sentence


def table(prefix: str, language: str) -> dict[str, str]:
    """All texts whose key begins with `prefix.`, without the prefix: what is sent to a script in the browser."""
    return {key[len(prefix) + 1 :]: text(key, language) for key in TEXTS if key.startswith(f"{prefix}.")}


def language_of(choice: str) -> Language:
    """The page's language for a setting ("en", "zh") or a browser's preference ("zh-CN,zh;q=0.9", "en-GB" …)."""
    first = choice.split(",")[0].split(";")[0].strip().lower()
    return "zh" if first.startswith("zh") else "en"
