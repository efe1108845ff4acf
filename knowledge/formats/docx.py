"""Word documents (.docx), by way of HTML."""

import io
import zipfile

import mammoth

from knowledge.document import Outline
from knowledge.errors import DocumentError
from knowledge.formats.html import of_html
from knowledge.formats.zipped import check

_STYLES = "\n".join(f"p[style-name='{name}'] => h1:fresh" for name in ("Title", "标题"))


def outline(_source: str, content: bytes) -> Outline:
    check(content)
    no_pictures = mammoth.images.img_element(lambda _image: {"src": ""})
    try:
        html: str = mammoth.convert_to_html(io.BytesIO(content), style_map=_STYLES, convert_image=no_pictures).value
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DocumentError(f"is no Word document that can be read ({error}): save it again as .docx") from error
    return of_html(html)
