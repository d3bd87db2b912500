"""Read the context file: YAML, each mistake in it one sentence with its file, line and key."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from pipelines.settings import SettingError
from transforms.investigations.context import EMPTY, Context, Flagged, network

_NULL = "tag:yaml.org,2002:null"
_SHOWN = 80  # characters of a wrong value
_EXPECTED = {
    "dict_type": "not a mapping (key: value)",
    "mapping_type": "not a mapping (key: value)",
    "tuple_type": "not a list",
    "string_type": "not a text",
    "string_too_short": "it is empty",
    "model_type": "not a mapping (key: value)",
}
Place = tuple[int | str, ...]


def read_context(path: Path | None) -> Context:
    """Return what a context file says, the lists of addresses that it names included; the empty context without a file.

    Raises:
        SettingError: it cannot be read, or something in it is wrong.
    """
    if path is None:
        return EMPTY
    reading = _Reading(path)
    said = reading.plain()
    _read_lists(path, said, reading.wrong)
    try:
        return Context.model_validate(said)
    except ValidationError as error:
        raise reading.wrong(*_what_is_wrong(error)) from error


class _Reading:
    """One file: its nodes as plain data, each scalar as the text that stands there, and the line of each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: dict[Place, int] = {}
        self._seen: set[int] = set()

    def plain(self) -> dict[str, Any]:
        """Return the file's mapping. Texts stay texts: an account id is no number, and `no` is no truth value."""
        try:
            node = yaml.compose(read_text(self._path), Loader=yaml.SafeLoader)
            said = ({} if node is None else self._value(node, ())) or {}
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            raise self._error(line, f"not YAML: {error.problem}") from error
        except yaml.YAMLError as error:
            raise self._error(None, f"not YAML: {str(error).splitlines()[0]}") from error
        except RecursionError as error:
            raise self._error(None, "nested too deeply") from error
        if not isinstance(said, dict):
            raise self._error(1, _EXPECTED["dict_type"])
        return {key: value for key, value in said.items() if value is not None}  # a heading with nothing below it

    def _value(self, node: yaml.Node, place: Place) -> Any:
        line = node.start_mark.line + 1
        self._lines.setdefault(place, line)
        if id(node) in self._seen:
            raise self._error(line, f"{_named(place)}: an alias (*name) is not taken here, write it again")
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(each, (*place, index)) for index, each in enumerate(node.value)]
        return None if node.tag == _NULL else str(node.value)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            line, name = key.start_mark.line + 1, str(key.value)
            if not isinstance(key, yaml.ScalarNode):
                raise self._error(line, f"{_named(place)}: a key has to be a text")
            if name in found:
                raise self._error(line, f"{_named((*place, name))}: it is there twice")
            self._lines[(*place, name)] = line
            found[name] = self._value(value, (*place, name))
        return found

    def wrong(self, place: Place, what: str) -> SettingError:
        """Return the error of something in the file."""
        line = next((self._lines[place[:end]] for end in range(len(place), 0, -1) if place[:end] in self._lines), None)
        return self._error(line, f"{_named(place)}: {what}" if place else what)

    def _error(self, line: int | None, what: str) -> SettingError:
        return _wrong(self._path, line, what)


def read_text(path: Path) -> str:
    """Return the text of a file that the context is made of.

    Raises:
        SettingError: it cannot be read as UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise _wrong(path, None, "there is no such file") from error
    except OSError as error:
        raise _wrong(path, None, f"cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise _wrong(path, None, "not UTF-8 text") from error


def _read_lists(path: Path, said: dict[str, Any], wrong: Callable[[Place, str], SettingError]) -> None:
    """Put the addresses of the files that `flagged_addresses` names in place of their names."""
    flagged = said.get("flagged_addresses")
    for index, entry in enumerate(flagged if isinstance(flagged, list) else []):
        if not isinstance(entry, dict) or "files" not in entry:
            if isinstance(entry, dict) and "addresses" not in entry:
                raise wrong(("flagged_addresses", index), "neither addresses nor files")
            continue
        files, listed = entry.pop("files"), entry.get("addresses", [])
        names = [files] if isinstance(files, str) else files
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise wrong(("flagged_addresses", index, "files"), "not a list of files")
        listed = [listed] if isinstance(listed, str) else listed
        if not isinstance(listed, list):
            raise wrong(("flagged_addresses", index, "addresses"), _EXPECTED["tuple_type"])
        entry["addresses"] = [*listed, *(each for name in names for each in _read_list(path.parent / name))]


def _read_list(path: Path) -> list[str]:
    """Return the addresses of a list, one a line; `#` begins a comment."""
    found = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if text := line.partition("#")[0].strip():
            try:
                found.append(network(text))
            except ValueError as error:
                raise _wrong(path, number, f"{text[:_SHOWN]!r}: {error}") from error
    return found


def _what_is_wrong(error: ValidationError) -> tuple[Place, str]:
    first = error.errors()[0]
    place = tuple(part for part in first["loc"] if part != "[key]")
    if first["type"] == "extra_forbidden":
        known = list((Flagged if len(place) > 1 else _MODEL).model_fields)
        known += ["files"] if len(place) > 1 else []
        like = get_close_matches(str(place[-1]), known, n=1)
        return place, "there is no such key" + (f"; is it {like[0]}?" if like else f"; there are {', '.join(known)}")
    if first["type"] == "missing":
        return place, "it is missing"
    if first["type"] == "value_error":
        return place, f"{str(first['input'])[:_SHOWN]!r}: {first['ctx']['error']}"
    said = first["msg"][:1].lower() + first["msg"][1:]
    return place, _EXPECTED.get(first["type"], said)


_MODEL: type[BaseModel] = Context


def _named(place: Place) -> str:
    """Write where something is: `flagged_addresses[0].reason`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


def _wrong(path: Path, line: int | None, what: str) -> SettingError:
    return SettingError(f"setting context (ROLESCOPE_CONTEXT): {path}{f', line {line}' if line else ''}: {what}")
