"""What a user names as a source: a file, a folder of pictures, a pattern, a camera's number, an address."""

import glob
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from vad.data.listing import natural, pictures_in, videos_in
from vad.pipeline.errors import UserError

NAME = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)=(?P<rest>.+)")
STREAMS = {"rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "srt", "udp", "tcp"}
LOGIN = re.compile(r"(?<=//)[^?]*@")  # greedy: a password may hold an @ or a slash of its own
KEYS = re.compile(r"(?i)([?&](?:token|key|password|pass|pwd|secret|auth)[^=&]*=)[^&]*")


@dataclass(frozen=True)
class Source:
    """One source.

    Attributes:
        name: unique among those of one run; files and topics are named by it.
        kind: "file", "pictures" (a folder of them), "device" (a camera of this machine), "stream".
        address: path, device number or address.
    """

    name: str
    kind: Literal["file", "pictures", "device", "stream"]
    address: str

    @property
    def live(self) -> bool:
        """Whether frames come in their own time."""
        return self.kind in {"device", "stream"}

    @property
    def shown(self) -> str:
        """The address for logs, without what opens it."""
        return self.address if self.kind != "stream" else public(self.address)


def public(address: str) -> str:
    """``address`` without user, password and keys, for people to see."""
    return KEYS.sub(r"\1***", LOGIN.sub("", address))


def resolve(texts: list[str]) -> list[Source]:
    """The sources that ``texts`` name, each ``[name=]what``; a pattern or a folder of videos gives several.

    Raises:
        UserError: one of them names nothing, or two have one name.
    """
    found: list[Source] = []
    for text in texts:
        found += _named(text)
    names = [source.name for source in found]
    for source in found:
        if names.count(source.name) > 1:
            raise UserError(
                f"two sources are named '{source.name}'; give names of your own, as in 'left={source.shown}'"
            )
    return found


def _named(text: str) -> list[Source]:
    match = None if Path(text).exists() else NAME.fullmatch(text)
    name, what = (match["name"], match["rest"]) if match else (None, text)
    if what.isdigit() and not Path(what).exists():
        return [Source(name or f"camera{what}", "device", what)]
    if (scheme := what.partition("://")[0].lower()) != what.lower():
        if scheme not in STREAMS:
            raise UserError(
                f"{public(what)}: '{scheme}' is no address of a stream; choose from {', '.join(sorted(STREAMS))}"
            )
        return [Source(name or _name_of(what), "stream", what)]
    sources = _on_disk(what)
    if name and len(sources) > 1:
        return [Source(f"{name}-{source.name}", source.kind, source.address) for source in sources]
    return [Source(name or source.name, source.kind, source.address) for source in sources]


def _name_of(address: str) -> str:
    """Host and path of an address, in characters that a file or a topic may have."""
    try:
        parts = urlsplit(public(address))
    except ValueError:
        raise UserError(f"{public(address)} is no address of a stream: rtsp://host:port/path is one") from None
    return re.sub(r"[^\w.-]+", "-", f"{parts.hostname or ''}{parts.path}").strip("-") or "stream"


def _on_disk(what: str) -> list[Source]:
    path = Path(what)
    if path.is_file():
        return [Source(path.stem, "file", what)]
    if path.is_dir():
        return _in_folder(path)
    paths = [Path(found) for found in glob.glob(what, recursive=True)]
    sources = [source for path in sorted(paths, key=lambda path: natural(str(path))) for source in _one(path)]
    if not sources:
        raise UserError(f"{what} is no file, folder, pattern, camera number or address of a stream; check the spelling")
    return sources


def _one(path: Path) -> list[Source]:
    return _in_folder(path) if path.is_dir() else [Source(path.stem, "file", str(path))]


def _in_folder(folder: Path) -> list[Source]:
    if pictures_in(folder):
        return [Source(folder.resolve().name, "pictures", str(folder))]
    if not (videos := videos_in(folder)):
        raise UserError(f"{folder} holds neither pictures nor videos; name a file, or a folder that holds some")
    return [Source(path.stem, "file", str(path)) for path in videos]
