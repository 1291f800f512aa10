"""Errors of composing and chatting that a person may read, in English and Chinese.

retrieval.errors.ReadableError
└── ComposerError
    ├── InputError            what the person typed or uploaded cannot be used
    ├── PictureError          a picture cannot be used
    ├── UnknownModel          no model of that name
    ├── ModelFilesMissing     the model is known, its files are not here
    ├── ModelFilesBroken      the files are here and are not what they should be
    ├── ModelFailed           the model broke while working
    ├── OutOfMemory           the device has too little memory
    ├── SettingsError         a setting has a bad value
    ├── ExportError           the article cannot be saved
    ├── ConvertError          a converted model cannot be written
    ├── NoPictureFound        the gallery has nothing for a place
    └── FewerPlaces           more pictures were asked for than the article has paragraphs
"""

from retrieval.errors import ReadableError


class ComposerError(ReadableError):
    """Something about articles, models or settings that a person must know."""


class InputError(ComposerError):
    """What the person typed or uploaded cannot be used; `reason_en` and `reason_zh` are whole sentences."""


class PictureError(ComposerError):
    en = "The picture '{name}' cannot be used: {reason_en}"
    zh = "图片“{name}”无法使用：{reason_zh}"


class UnknownModel(ComposerError):
    en = (
        "There is no model named '{name}'. Known models: {known}. "
        "A folder or a .gguf file can be given too: --folder PATH"
    )
    zh = "没有名为“{name}”的模型。已知模型：{known}。也可以给出文件夹或 .gguf 文件：--folder 路径"


class ModelFilesMissing(ComposerError):
    en = "The files of the model '{name}' are missing: {missing}. {way_out_en}"
    zh = "模型“{name}”缺少文件：{missing}。{way_out_zh}"


class ModelFilesBroken(ComposerError):
    en = "The model file '{path}' cannot be used: {reason_en}"
    zh = "模型文件“{path}”无法使用：{reason_zh}"


class ModelFailed(ComposerError):
    en = "The model '{name}' failed while {doing_en}: {reason}. What was written so far is kept; try again."
    zh = "模型“{name}”在{doing_zh}时出错：{reason}。已写的内容已保留，请重试。"


class OutOfMemory(ComposerError):
    en = "The model '{name}' needs about {needed} on {device}, which has {free} free. {way_out_en}"
    zh = "模型“{name}”在 {device} 上约需 {needed}，可用 {free}。{way_out_zh}"


class SettingsError(ComposerError):
    en = "The setting '{name}' has the value '{value}': {reason_en}"
    zh = "设置“{name}”的值为“{value}”：{reason_zh}"


class ExportError(ComposerError):
    en = "The article cannot be saved to '{place}': {reason_en}. Nothing was lost; choose another place and save again."
    zh = "文章无法保存到“{place}”：{reason_zh}。内容没有丢失，请换一个位置再保存。"


class ConvertError(ComposerError):
    en = "The converted model cannot be written to '{place}': {reason_en}. Choose another folder."
    zh = "转换后的模型无法写入“{place}”：{reason_zh}。请换一个文件夹。"


class NoPictureFound(ComposerError):
    en = "No picture was found for '{caption}'. Search with other words, or use a picture of your own."
    zh = "没有找到与“{caption}”相符的图片。请换个说法搜索，或使用自己的图片。"


class FewerPlaces(ComposerError):
    en = "Only {places} of the {asked} pictures fit into the article: one after each paragraph."
    zh = "文章每段之后最多放一张图片，只能放 {places} 张，而不是 {asked} 张。"
