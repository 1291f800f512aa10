"""Texts that cameras and programs put where a picture's description stands: they say nothing of what it shows.

Strings that programs of others were found to write: the lists of PhotoPrism (internal/meta/sanitize.go) and iNaturalist
(BRANDED_DESCRIPTIONS), and the sources of libgd, jpeg-archive, the Independent JPEG Group's and Intel's libraries.
Knows texts only. A text has to be such a string from its first character to its last: "My desk with Adobe Photoshop
open" is a person's.
"""

import re

# what may follow a program's name: " 2.10", " V1.01", ", version 1,5,4,36", " 3.18.4.211-TBTBLNP 0x88155d6d"
_VERSION = r",?(?: (?:v|version |patchlevel |internal )?[(\[]?\d[\w.,-]*[)\]]?)*\.?"
_PICTURE = r"(?:jpe?g|png|tiff?|gif|bmp|webp|heic|heif|avif|dng|cr[23]|nef|arw|orf|raf|rw2)"
_MADE = r"(?:created|made|edited|generated|produced|exported|processed) (?:with|by|using|in)(?: the)?"

# (who writes it, pattern of the whole text in either case)
PROGRAM_TEXTS = (
    # cameras and telephones
    ("cameras of many makers", r"(?:(?:olympus|sony|samsung|(?:konica )?minolta|kodak|medion|moultrie|lg|pentax) )?"
                               r"digital (?:still ?|game )?camera"),
    ("Sony, Minolta", r"(?:sony|minolta) dsc"),
    ("Samsung", r"samsung(?: camera pictures)?|<[^<>]*\bsamsung\b[^<>]*>"),
    ("Huawei, Honor", r"(?-i:_cuva|bsh|btf|btfhdr|btfmdn|btr|burst|cof|dav|edf|fbt|fbthdr|frem|frontbhdp|fshbty|hdr"
                      r"|hdrpl|mde|mde_soft|mon|nor|oznor|oznorWO|ptr|qrf|rbt|rhdr|rpt|sdr_HDRB|smart)"),
    ("Xiaomi", r"(?:\w+; )?filter: ?-?\d+; filei?terintensity: .*"),
    ("Motorola, Medion, Nokia", r"hellomoto|my beautiful picture|created with nokia smart cam"),
    ("cameras without a name", r"exif[_ ]jpeg[_ ]picture|dvc 10\.1 hdmi|default"),
    ("DJI, GoPro", r"dcim[\\/]\S*"),
    ("names of cameras' files", rf"_?(?:img|imag|image|dsc[nf]?|p|pict|gopr|mvimg|pxl|cimg|sam|dji|wp)[_-]?\d{{4,}}"
                                rf"[\w~-]*(?:\.{_PICTURE})?"),
    # libraries and programs that write files
    ("libgd", r"creator: gd-jpeg .*"),
    ("XV", r"creator: xv version .*"),
    ("Adobe Photoshop", r"file written by adobe photoshop\S{0,3}(?: cs| cc)?[\d ._]*"),
    ("Adobe ImageReady, Apple", r"adobe imageready|applemark"),
    ("LEADTOOLS", rf"lead technologies,? inc\.?{_VERSION}"),
    ("Intel's library", rf"intel\(r\) jpeg library{_VERSION}"),
    ("Image Alchemy", rf"handmade software, inc\. image alchemy{_VERSION}"),
    ("JPEG encoder in Java", r"jpeg encoder copyright \d+, james r\. weeks and bioelectromech\.?"),
    ("FFmpeg", r"lavc[\d.]*"),
    ("jpeg-archive", r"compressed by jpeg-recompress"),
    ("JPEGmini", rf"optimized by jpegmini{_VERSION}"),
    ("ezgif.com", r"(?:edited|resized|made|optimized|converted) (?:with|on|by|using) ezgif(?:\.com)?.{0,60}"),
    ("eBay", r"processed by ebay with imagemagick\b.*"),
    ("VSCO", r"processed with vsco(?: with \w+ preset)?"),
    ("Gigapixel", rf"upscaled with gigapixel{_VERSION}.*"),
    ("editors", rf"{_MADE} (?:gimp(?: on a mac)?|imagemagick|imlib|inkscape|paint\.net|photopea|canva|krita"
                rf"|adobe (?:photoshop|illustrator|lightroom|firefly)){_VERSION}"),
    ("editors of drawings", rf"{_MADE} (?:sketch(?:tool)?|figma|snap|rapha[eë]l|fabric\.js|highcharts|svg\.js|lunacy"
                            rf"|method draw|gnuplot){_VERSION}"),
    ("programs without a title", r"(?:untitled|unnamed|artboard)(?:[ _-](?:copy )?\d+)?|gnuplot"),
    ("programs that photograph the screen", r"screen ?shot(?:[ _-]\d[\d ._:-]*(?:at [\d .:]+)?(?:[ap]m)?)?"),
    # what is no sentence at all
    ("EXIF's names of character sets", r"(?:charset ?= ?)?\"?(?:ascii|unicode|jis)\"?"),
    ("exiftool, Exiv2", r"binary comment|\(?binary data\b[^.]*|string with binary data.*"),
    ("identifiers and hashes", r"(?:xmp\.[di]id:|uuid:|0x)?(?=[a-z-]*\d)[0-9a-f-]{16,}"),
    ("bytes", r"(?:[0-9a-f]{2}[ :]){8,}[0-9a-f]{0,2}"),
    ("JSON of editors", r"(?:workflow|prompt)? ?:? ?(?:\{ ?\"[^\"]*\" ?:|\[ ?\{).*"),
    ("XML of editors", r"<\?x(?:ml|packet)\b.*|<(?:x:xmpmeta|rdf:rdf|svg|plist|mxfile)\b.*"),
)  # fmt: skip
_PROGRAM_TEXT = re.compile("|".join(f"(?:{pattern})" for _, pattern in PROGRAM_TEXTS), re.IGNORECASE)


def from_people(text: str) -> str:
    """The text, cleaned before; "" where a camera or a program writes it by itself."""
    return "" if _PROGRAM_TEXT.fullmatch(text) else text
