"""Names that others chose, of clips, scenes, events, files, made safe for where they are written. The one place for it.

A clip's name is the name of a file that somebody made: it may hold braces, dollars, formulas, control characters, or a
script that a font lacks. Letters beyond those that a target prints are transliterated (``anyascii``), so that a name
stays one that its owner recognises.
"""

import hashlib
import html as _html
import re
import unicodedata

from anyascii import anyascii

LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_\allowbreak{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "/": r"/\allowbreak{}",
    "\u2013": "--",
    "\u2014": "---",
    "\u2018": "`",
    "\u2019": "'",
    "\u201c": "``",
    "\u201d": "''",
    "\u2026": r"\dots{}",
    "\u00d7": r"\(\times\)",
    "\u2264": r"\(\leq\)",
    "\u2265": r"\(\geq\)",
    "\u2192": r"\(\to\)",
    "\u00b7": r"\(\cdot\)",
    "\u00b5": r"\(\mu\)",
    "\u00b2": r"\(^2\)",
    "\u00b0": r"\(^\circ\)",
    "\u00b1": r"\(\pm\)",
}
T1 = 0x180  # Latin-1 and Latin Extended-A: what LaTeX's T1 fonts hold
DRAWN = 0x590  # Latin, Greek, Cyrillic, Armenian: what DejaVu Sans draws and no script needs shaping in
SIGNS = "…–—‘’“”×≤≥→"
LONGEST = 24  # characters of a word in LaTeX that has to fit on a line
LONGEST_FILE = 200  # bytes of a name to which we add up to 55: file systems take 255
IN_SCRIPT = {"<": "\u2039", ">": "\u203a"}
FORMULA = re.compile(r"'*[=+\-@\t\r]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
TICK = re.compile(r"\$\\mathdefault\{[^$]*\}\$")  # Matplotlib's own numbers


def latex(text: str) -> str:
    """``text`` as text in LaTeX that cannot be a command; a long word may break every few characters."""
    words = re.split(r"(\s+)", unicodedata.normalize("NFC", text))
    return "".join(" " if word.isspace() else _latex_word(word) for word in words)


def _latex_word(word: str) -> str:
    cells = [cell for char in word for cell in _latex_character(char)]
    if len(cells) <= LONGEST:
        return "".join(cells)
    return r"\allowbreak{}".join("".join(cells[at : at + LONGEST // 3]) for at in range(0, len(cells), LONGEST // 3))


def _latex_character(char: str) -> list[str]:
    if char in LATEX:
        return [LATEX[char]]
    if char.isascii():
        return [char] if char.isprintable() else []
    if char.isalpha() and ord(char) < T1:
        return [char]
    if not char.isprintable():
        return []
    known = anyascii(char)
    return [LATEX.get(part, part) for part in known if part.isprintable()] or [rf"\texttt{{U+{ord(char):04X}}}"]


def drawn(text: str) -> str:
    """``text`` as letters of a picture: other scripts than the font's transliterated, no control characters."""
    known = "".join(char if ord(char) < DRAWN or char in SIGNS else anyascii(char) for char in text)
    return "".join(char if char.isprintable() else " " for char in known)


def matplotlib(text: str) -> str:
    """``text`` as a label of a figure in which dollars are dollars, no formula's beginning."""
    if TICK.fullmatch(text):
        return text
    return "\n".join(drawn(line) for line in text.split("\n")).replace("$", r"\$")


def file_name(name: str) -> str:
    """``name`` as the stem of a file that any program can be given; itself where it is one.

    Other names lose what is not a letter, a digit, ``.``, ``_`` or ``-`` in ASCII, and get a digest: no two become one.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", anyascii(name)).strip("-.")[:80]
    if plain == name:
        return name
    return f"{plain or 'clip'}-{hashlib.sha256(name.encode(errors='surrogateescape')).hexdigest()[:8]}"


def why_no_file(name: str) -> str | None:
    """Why a file or a folder cannot be called ``name``; None where it can, with a suffix of ours behind it."""
    if "/" in name or "\0" in name or name in ("", ".", ".."):
        return "it has to be one that a folder can have"
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "it is not UTF-8, so no table can hold it"
    return f"it is longer than {LONGEST_FILE} bytes" if length > LONGEST_FILE else None


def url(path: str) -> str:
    """A relative path in ``\\href`` of LaTeX: whatever is no plain character as its bytes, ``\\%7B``."""
    encoded = (char if re.fullmatch(r"[A-Za-z0-9._/-]", char) else _percent(char) for char in path)
    return "".join(encoded)


def _percent(char: str) -> str:
    return "".join(rf"\%{byte:02X}" for byte in char.encode(errors="surrogateescape"))


def html(text: str) -> str:
    """``text`` in HTML, between tags or in a quoted attribute."""
    return _html.escape("".join(char if char.isprintable() else " " for char in text), quote=True)


def in_script(text: str) -> str:
    """``text`` as data of a page's script, where ``dvc plots`` writes it as it is and ``</script>`` would end it."""
    return "".join(IN_SCRIPT.get(char, char) if char.isprintable() else " " for char in text)


def cell(text: str) -> str:
    """``text`` as a cell of a CSV file: a spreadsheet shows what looks like a formula, and does not compute it."""
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def from_cell(text: str) -> str:
    """What :func:`cell` was given."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def printable(text: str) -> str:
    """``text`` on a terminal: one line, and nothing in it that a terminal obeys."""
    return "".join(char if char.isprintable() else " " for char in text)
