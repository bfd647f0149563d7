"""Crafted and damaged files of every kind that nag reads, each with the loader that it is meant for.

`make(folder)` writes them and returns the cases. Whoever runs a payload creates the file `canary`.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nag.spaces import load_space

__all__ = ["Case", "make"]

CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"
SPACE = """name: mine
title: Mine
operations: {conv: parametric, pool: mergeable}
nodes: [3, 5]
edges: free
constraints: {all_nodes_on_a_path: true}
codec: {name: edge_list}
"""


@dataclass(frozen=True)
class Case:
    """A file and what reads it.

    Args:
        name: Of the case.
        loader: Name of the loader, see `feed.LOADERS`.
        path: The file or folder.
    """

    name: str
    loader: str
    path: str


class Corpus:
    """Writes files into a folder and remembers the cases."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cases = folder, list[Case]()

    def add(self, loader: str, name: str, content: bytes | str, file: str) -> Path:
        """Writes one file in a folder of its own."""
        path = self.place(loader, name) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
        self.cases.append(Case(name, loader, str(path)))
        return path

    def place(self, loader: str, name: str) -> Path:
        """A new folder."""
        path = self.folder / loader / name.replace(" ", "_")
        path.mkdir(parents=True)
        return path


class Gadget:
    """Runs a command when it is unpickled."""

    def __init__(self, call: Callable[..., Any], *arguments: object) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call, self.arguments


def gadgets(canary: Path) -> dict[str, bytes]:
    """Pickles that run something."""
    made = {
        "os.system": pickle.dumps({0: Gadget(os.system, f"touch {canary}")}),
        "exec": pickle.dumps(Gadget(exec, f"open({str(canary)!r}, 'w')")),
        "eval in a key": pickle.dumps({Gadget(eval, f"open({str(canary)!r}, 'w')"): 1}),
        "open for writing": pickle.dumps([Gadget(open, str(canary), "w")]),
        "protocol 0": pickle.dumps(Gadget(os.system, f"touch {canary}"), protocol=0),
        "getattr chain": b"cbuiltins\ngetattr\n(cos\nsystem\nS'__call__'\ntR(S'touch " + str(canary).encode() + b"'\ntR.",
        "inst opcode": b"(S'touch " + str(canary).encode() + b"'\nios\nsystem\n.",
        "build on a stand-in": b"cnumpy\ndtype\n(S'f8'\ntR}S'__init__'\ncos\nsystem\nsb.",
        "persistent id": b"\x80\x04\x8c\x01xQ.",
        "extension code": b"\x80\x04\x82\x01.",
    }
    return made


def bombs() -> dict[str, bytes]:
    """Pickles that cost memory, time or the stack."""
    nested = b"\x80\x02" + b")" + b"\x85" * 100_000 + b"."
    key = b"\x80\x02}" + b")" + b"\x85" * 60_000 + b"K\x01s."
    memo = b"\x80\x02]" + b"".join(b"q%c0(" % i + (b"h%c" % i) * 10 + b"l" for i in range(12)) + b"."
    return {
        "nested tuples": nested,
        "nested tuple as a key": key,
        "memo bomb": memo,
        "long long": b"\x80\x02\x8b\xff\xff\xff\x7f" + b"\x00" * 10 + b".",
        "huge frame": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
        "huge bytes": b"\x80\x04\x8e\xff\xff\xff\xff\xff\x00\x00\x00a.",
        "huge bytearray": b"\x80\x05\x96\x00\x00\x00\x00\x20\x00\x00\x00a.",
        "huge memo index": b"\x80\x02K\x01r\xff\xff\xff\x7f.",
        "empty": b"",
        "only stop": b".",
        "unknown opcode": b"\x80\x04\xff.",
        "no pickle": b"hello",
        "int of many digits": b"I" + b"9" * 50_000 + b"\n.",
        "surrogate text": b"\x80\x02X\x03\x00\x00\x00\xed\xa0\x80.",
    }


def _array(shape: str, content: bytes, code: str = "f8") -> bytes:
    """A pickle of an ndarray with a shape as pickle code."""
    return (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n"
        + shape.encode()
        + b"cnumpy\ndtype\n(S'"
        + code.encode()
        + b"'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'"
        + content
        + b"'\ntb."
    )


def arrays() -> dict[str, bytes]:
    """Pickled arrays whose facts do not fit."""
    return {
        "shape too large": _array("(I1000000000\nI1000000000\nt", b""),
        "shape without entries": _array("(I1000000000000\nI0\nt", b""),
        "shape negative": _array("(I-1\nI-5\nt", b"\\x00" * 8),
        "object array": _array("(I1\nt", b"\\x00" * 8, "O8"),
        "odd content": _array("(I1\nt", b"\\x00" * 7),
        "shape of text": _array("(S'a'\nt", b""),
        "nan": _array("(I2\nI1\nt", b"\\x00\\x00\\x00\\x00\\x00\\x00\\xf8\\x7f" * 2),
    }


def yaml_files() -> dict[str, str]:
    """YAML that is none, or too much."""
    aliases = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join(f'*a{i - 1}' for _ in range(9))}]\n" for i in range(1, 12))
    doubled = (f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}], k{i}: *a{i - 1}}}\n" for i in range(1, 30))
    merges = "a0: &a0 {k: v}\n" + "".join(doubled)
    return {
        "alias bomb": aliases,
        "merge bomb": merges,
        "self reference": "a: &a [*a]\n",
        "deep lists": "name: " + "[" * 20_000 + "]" * 20_000,
        "deep mappings": "{a: " * 5_000 + "1" + "}" * 5_000,
        "python object": "!!python/object/apply:os.system ['touch canary']",
        "python name": "name: !!python/name:os.system",
        "many digits": "name: mine\nnodes: " + "9" * 5_000,
        "sexagesimal": "nodes: " + "59:" * 5_000 + "1",
        "tabs": "\tname: x",
        "two documents": "a: 1\n---\nb: 2\n",
        "binary": "\x00\x01\x02",
        "empty": "",
        "null": "null",
        "a list": "- a\n- b\n",
        "a text": "hello",
        "duplicate keys": "name: a\nname: b\n",
        "date as a name": "name: 2026-01-01\n",
        "key that is a list": "? [a, b]\n: 1\n",
        "infinite": "nodes: .inf\nname: .nan\n",
        "surrogates": 'name: "\\ud800"\n',
        "terminal escapes": 'name: "\\e[31mred\\e]0;title\\a"\nbad: 1\n',
        "long line": "name: " + "x" * 1_000_000,
    }


def spaces() -> dict[str, str]:
    """Search spaces with one thing wrong."""

    def changed(old: str, new: str) -> str:
        assert old in SPACE
        return SPACE.replace(old, new)

    return {
        "a billion nodes": changed("[3, 5]", "[3, 1000000000]"),
        "one number of nodes": changed("[3, 5]", "1000000000"),
        "nodes reversed": changed("[3, 5]", "[5, 3]"),
        "negative nodes": changed("[3, 5]", "[-5, 3]"),
        "nodes of text": changed("[3, 5]", "[a, b]"),
        "nodes of nan": changed("[3, 5]", "[.nan, 5]"),
        "nodes true": changed("[3, 5]", "[true, 5]"),
        "edges 10^30": changed("all_nodes_on_a_path: true", "max_edges: 1000000000000000000000000000000"),
        "edges negative": changed("all_nodes_on_a_path: true", "max_edges: -1"),
        "edges infinite": changed("all_nodes_on_a_path: true", "max_edges: .inf"),
        "unknown constraint": changed("all_nodes_on_a_path: true", "nothing: true"),
        "constraints a list": changed("{all_nodes_on_a_path: true}", "[a]"),
        "no operations": changed("{conv: parametric, pool: mergeable}", "{}"),
        "operations a list": changed("{conv: parametric, pool: mergeable}", "[conv]"),
        "operation with a shell command": changed("conv: parametric", '"$(touch canary)": parametric'),
        "operation with a newline": changed("conv: parametric", '"a\\nb": parametric'),
        "operation with a dash": changed("conv: parametric", '"-rf": parametric'),
        "operation without a name": changed("conv: parametric", '"": parametric'),
        "operation of a number": changed("conv: parametric", "1: parametric"),
        "operation input": changed("conv: parametric", "input: parametric"),
        "unknown kind": changed("conv: parametric", "conv: magic"),
        "kind a list": changed("conv: parametric", "conv: [parametric]"),
        "ten thousand operations": changed(
            "{conv: parametric, pool: mergeable}", "{" + ", ".join(f"o{i}: parametric" for i in range(10_000)) + "}"
        ),
        "codec unknown": changed("{name: edge_list}", "{name: pickle}"),
        "codec with more": changed("{name: edge_list}", "{name: edge_list, path: /etc/passwd}"),
        "codec a text": changed("{name: edge_list}", "edge_list"),
        "name a mapping": changed("name: mine", "name: {a: b}"),
        "name a path": changed("name: mine", "name: ../../etc"),
        "title a list": changed("title: Mine", "title: [a]"),
        "no name": changed("name: mine\n", ""),
        "edges unknown": changed("edges: free", "edges: sometimes"),
        "edges of numbers": changed("edges: free", "edges: [[0, 1000000000]]"),
        "edges of text": changed("edges: free", "edges: [[a, b]]"),
    }


def tasks() -> dict[str, str]:
    """Task files with one thing wrong; `space.yaml` and `table.csv` are beside them."""
    good = "space: space.yaml\ntable: table.csv\nsearch_metric: accuracy\n"
    return {
        "table elsewhere": good.replace("table.csv", "/etc/passwd"),
        "table a list": good.replace("table.csv", "[table.csv]"),
        "table a mapping": good.replace("table.csv", "{a: b}"),
        "space a number": good.replace("space.yaml", "3"),
        "space missing": good.replace("space.yaml", "none.yaml"),
        "metric a list": good.replace("accuracy", "[accuracy]"),
        "metric missing": good.replace("accuracy", "nothing"),
        "maximise maybe": good + "maximise: maybe\n",
        "secondary metrics a text": good + "side_metrics: latency\n",
        "secondary metrics of lists": good + "side_metrics: [[latency]]\n",
        "descriptor of text": good + "descriptor: {a: b}\n",
        "descriptor nan": good + "descriptor: {a: .nan}\n",
        "descriptor a list": good + "descriptor: [1]\n",
        "name a mapping": good + "name: {a: b}\n",
        "name with escapes": good + 'name: "\\e[31m"\n',
        "unknown key": good + "colour: red\n",
        "data and table": good + "data: digits\n",
        "size huge": "space: nasbench201\ndata: digits\nsize: 1000000000\n",
        "size a text": "space: nasbench201\ndata: digits\nsize: large\n",
        "data elsewhere": "space: nasbench201\ndata: /etc\n",
        "data a mapping": "space: nasbench201\ndata: {a: b}\n",
        "nothing but a space": "space: space.yaml\n",
    }


def tables(rows: list[str]) -> dict[str, bytes]:
    """CSV tables; `rows` are good ones without the head."""
    head = "arch,accuracy,latency\n"
    first = rows[0].rsplit(",", 2)[0]
    return {
        "empty": b"",
        "only a head": head.encode(),
        "nulls": (head + rows[0]).encode() + b"\x00\x00\n",
        "not utf-8": (head + rows[0]).encode() + b"\xff\xfe\n",
        "huge field": (head + first + "," + "9" * 2_000_000 + ",1\n").encode(),
        "huge column name": ("arch," + "a" * 2_000_000 + "\n").encode(),
        "open quote": (head + '"a' + "\n1,2" * 50_000).encode(),
        "formula": (head + first + ",=cmd|' /C calc'!A0,1\n").encode(),
        "nan": (head + first + ",nan,1\n").encode(),
        "infinite": (head + first + ",inf,1e999\n").encode(),
        "many digits": (head + first + "," + "1" * 5_000 + ",1\n").encode(),
        "duplicate columns": f"arch,accuracy,accuracy\n{rows[0]}\n".encode(),
        "too few fields": (head + first + "\n").encode(),
        "too many fields": (head + rows[0] + ",1,2,3\n").encode(),
        "no architecture": (head + "nonsense,1,2\n").encode(),
        "a long architecture": (head + '"' + "9" * 100_000 + '",1,2\n').encode(),
        "escapes in an architecture": (head + "\x1b[31mred\x1b[0m,1,2\n").encode(),
        "ten thousand columns": (",".join(["arch", *(f"c{i}" for i in range(10_000))]) + "\n").encode(),
        "underscored digits": (head + first + ",1_0,1\n").encode(),
        "gzip": gzip.compress(b"arch,accuracy\n" + b"0" * 10_000_000),
    }


def json_lines(good: dict[str, Any]) -> dict[str, str]:
    """Architectures, one JSON object a line."""

    def line(**changes: Any) -> str:
        return json.dumps({**good, **changes}) + "\n"

    return {
        "deep nesting": "[" * 100_000 + "]" * 100_000,
        "deep mapping": '{"arch": ' + '{"a": ' * 5_000 + "1" + "}" * 5_001,
        "nan": '{"arch": "x", "accuracy": NaN}\n',
        "infinity": '{"arch": "x", "accuracy": -Infinity}\n',
        "many digits": '{"ops": [], "edges": [[0, ' + "9" * 5_000 + "]]}\n",
        "surrogates": '{"arch": "\\ud800\\udfff\\ud800"}\n',
        "no object": "[1, 2]\n",
        "a text": '"hello"\n',
        "not json": "{'arch': 1}\n",
        "torn": '{"arch": "ab',
        "duplicate keys": '{"arch": "a", "arch": "b"}\n',
        "empty": "",
        "unhashable edges": line(arch=None, ops=["input", "conv", "output"], edges=[[[0], [1]]]),
        "edges a number": line(arch=None, ops=["input", "conv", "output"], edges=5),
        "edges of mappings": line(arch=None, ops=["input", "conv", "output"], edges=[{"a": 1}]),
        "edges of text": line(arch=None, ops=["input", "conv", "output"], edges=[["0", "1"]]),
        "edges huge": line(arch=None, ops=["input", "conv", "output"], edges=[[0, 10**15]]),
        "edges negative": line(arch=None, ops=["input", "conv", "output"], edges=[[-1, 1]]),
        "edges of floats": line(arch=None, ops=["input", "conv", "output"], edges=[[0.5, 1]]),
        "edges backwards": line(arch=None, ops=["input", "conv", "output"], edges=[[2, 0], [0, 2]]),
        "ops a text": line(arch=None, ops="conv", edges=[]),
        "ops of lists": line(arch=None, ops=[["conv"]], edges=[]),
        "ops a million": line(arch=None, ops=["conv"] * 300_000, edges=[]),
        "arch a list": line(arch=["a"]),
        "arch a number": line(arch=3),
        "arch long": line(arch="9" * 100_000),
        "arch with escapes": line(arch="\x1b[31mred"),
        "null byte": line(arch="a\x00b"),
    }


def _safetensors(header: bytes, body: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + body


def checkpoints(kind: str, good: bytes) -> Iterator[tuple[str, bytes]]:
    """Checkpoints of one kind; `good` is a whole one."""
    length = struct.unpack("<Q", good[:8])[0]
    header, body = json.loads(good[8 : 8 + length]), good[8 + length :]
    metadata = header["__metadata__"]

    def changed(new: dict[str, Any] | None, **more: Any) -> bytes:
        """With other metadata and tensors."""
        head = {**header, **more}
        head["__metadata__"] = metadata if new is None else new
        if new is not None and not new:
            head.pop("__metadata__")
        text = json.dumps({key: value for key, value in head.items() if value is not None})
        return _safetensors(text.encode(), body)

    def described(change: Callable[[dict[str, Any]], Any]) -> bytes:
        """With other facts."""
        facts = json.loads(metadata["facts"])
        return changed({**metadata, "facts": json.dumps(change(facts) or facts)})

    yield "empty", b""
    yield "text", b"hello"
    yield "cut", good[: len(good) // 2]
    yield "header of an exabyte", _safetensors(b"{}", length=2**60)
    yield "header longer than the file", _safetensors(b"{}", length=1000)
    yield "header no json", _safetensors(b"{{{{")
    yield "header deep", _safetensors(b'{"a":' * 20_000 + b"1" + b"}" * 20_000)
    yield "header a list", _safetensors(b"[]")
    yield "no metadata", changed({})
    yield "metadata without a class", changed({"format": metadata["format"], "kind": kind})
    yield "metadata of an earlier version", changed({**metadata, "format": "nag-1"})
    for name, text in {
        "a list": "[]",
        "a text": '"hello"',
        "null": "null",
        "deep": "[" * 50_000 + "]" * 50_000,
        "not json": "{",
        "many digits": '{"a": ' + "9" * 5_000 + "}",
        "surrogates": '{"space": "\\ud800"}',
        "empty": "{}",
    }.items():
        for part in ("config", "space", "facts"):
            yield f"{part} {name}", changed({**metadata, part: text})
    tensors = [name for name in header if name != "__metadata__"]
    if tensors:
        name = tensors[0]
        entry = header[name]
        yield "tensor beyond the file", changed(None, **{name: {**entry, "data_offsets": [0, 2**50]}})
        yield "tensor overlapping", changed(None, **{name: {**entry, "data_offsets": [4, 2]}})
        yield "tensor of a huge shape", changed(None, **{name: {**entry, "shape": [2**40, 2**40]}})
        yield "tensor of an unknown type", changed(None, **{name: {**entry, "dtype": "Q7"}})
        yield "tensor renamed", changed(None, **{name: None, "x" + name: entry})
        yield "tensors all nan", good[: 8 + length] + b"\xff" * len(body)
    yield "space without nodes", changed({**metadata, "space": json.dumps({"name": "x"})})
    huge = {**json.loads(metadata["space"]), "nodes": [2, 10**9]}
    yield "space of a billion nodes", changed({**metadata, "space": json.dumps(huge)})
    for path in ("os:system", "posix:system", "subprocess:Popen", "nag.core.files:write_bytes", "nag.cli.__main__:main", "a"):
        yield f"class {path}", changed({**metadata, "class": path})
    yield "config a list", changed({**metadata, "config": "[1]"})
    config = json.loads(metadata["config"])

    def hyper(**changes: Any) -> bytes:
        return changed({**metadata, "config": json.dumps({**config, **changes})})

    for key in ("width", "layers", "heads", "members", "steps", "proxies"):
        yield f"{key} zero", hyper(**{key: 0})
        yield f"{key} a billion", hyper(**{key: 10**9})
        yield f"{key} a text", hyper(**{key: "many"})
    yield "width negative", hyper(width=-3)
    for name in ("kernel", "loss"):
        yield f"{name} imports", hyper(**{name: {"class": "os:system", "config": {"command": "touch canary"}}})
        yield f"{name} is called", hyper(**{name: {"class": "nag.core.files:write_bytes", "config": {"path": "canary"}}})
    yield "kernel a number", hyper(kernel=3)
    wrong = {"label_spread": 0.0, "margin": "x", "cross_validated": [], "conditions": 5, "task": [], "reference": 3}
    for key, value in wrong.items():
        yield f"{key} wrong", described(lambda facts, key=key, value=value: {**facts, key: value})


def _npy(shape: str, content: bytes = b"", dtype: str = "<f8") -> bytes:
    head = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}"
    head += " " * (-(len(head) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + content


def _zip(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def archives(names: list[str], canary: Path) -> dict[str, bytes]:
    """`.npz` files that claim the arrays of these names."""

    def all_of(content: bytes) -> bytes:
        return _zip({f"{name}.npy": content for name in names})

    stored = io.BytesIO()
    np.save(stored, np.array([Gadget(os.system, f"touch {canary}")], dtype=object), allow_pickle=True)
    zeros = _npy("(400000000,)", b"\x00" * 2**20)
    return {
        "terabytes": all_of(_npy("(1000000000000,)")),
        "exabytes": all_of(_npy("(10000000000, 10000000000)")),
        "negative shape": all_of(_npy("(-1,)", b"\x00" * 8)),
        "shape no tuple": all_of(_npy("7", b"\x00" * 8)),
        "shape of text": all_of(_npy("('a',)", b"\x00" * 8)),
        "many zeros, few bytes": _zip({f"{name}.npy": zeros for name in names}, zipfile.ZIP_DEFLATED),
        "bomb": _zip({f"{names[0]}.npy": _npy("(60000000,)", bytes(480_000_000))}, zipfile.ZIP_DEFLATED),
        "objects": all_of(stored.getvalue()),
        "void type": all_of(_npy("(2,)", b"\x00" * 16, "|V8")),
        "text arrays": all_of(_npy("(1,)", "abcd".encode("utf-32-le"), "<U4")),
        "nan": all_of(_npy("(3,)", b"\x00\x00\x00\x00\x00\x00\xf8\x7f" * 3)),
        "scalars": all_of(_npy("()", b"\x00" * 8)),
        "empty arrays": all_of(_npy("(0,)")),
        "no arrays": _zip({}),
        "other arrays": _zip({"nothing.npy": _npy("(1,)", b"\x00" * 8)}),
        "members above the folder": _zip({"../../x.npy": _npy("(1,)", b"\x00" * 8)}),
        "no zip": b"hello",
        "cut": all_of(_npy("(3,)", b"\x00" * 24))[:-30],
        "no npy": all_of(b"hello"),
    }


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png(width: int, height: int, data: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(data)) + _chunk(b"IEND", b"")


def pictures() -> dict[str, bytes]:
    """Image files that are too large or none."""
    good = _png(2, 2, b"\x00" + b"\x10" * 6 + b"\x00" + b"\x20" * 6)
    return {
        "178 megapixels": _png(13_350, 13_350, b"\x00" * 1000),
        "170 megapixels": _png(13_000, 13_000, b"\x00" * 1000),
        "80 megapixels of zeros": _png(10_000, 8_000, bytes(10_000 * 8_000 * 3 + 8_000)),
        "zero pixels": _png(0, 0, b""),
        "cut": good[:40],
        "text": b"hello",
        "empty": b"",
        "wrong data": _png(8, 8, b"\x00"),
        "text chunk bomb": good[:-12] + _chunk(b"zTXt", b"a\x00\x00" + zlib.compress(bytes(200_000_000))) + good[-12:],
    }


def store_rows(native: str, ops: str, edges: str) -> dict[str, dict[str, Any]]:
    """Changes of one row of a store, in which that architecture waits."""
    done = {
        "status": "done", "lease_end": None, "progress": 1.0, "search_value": 1.0, "report_value": None, "side": "{}",
        "curve": "[]", "epochs": 0, "cpu_seconds": 0.0, "gpu_seconds": 0.0,
    }  # fmt: skip
    return {
        "unknown status": {"status": "paused"},
        "pending without a lease": {"lease_end": None},
        "leased for ever": {"worker": "x", "lease_end": 1e18},
        "leased to infinity": {"worker": "x", "lease_end": float("inf")},
        "progress of text": {"progress": "much"},
        "attempts of text": {"attempts": "many"},
        "attempts huge": {"attempts": 2**62},
        "operations with a command": {"ops": '["input", "$(touch canary)", "output"]'},
        "operations deep": {"ops": "[" * 50_000 + "]" * 50_000},
        "operations no list": {"ops": "5"},
        "edges unhashable": {"edges": "[[[0], [1]]]"},
        "edges huge": {"edges": "[[0, " + "9" * 5_000 + "]]"},
        "native of another": {"native": "$(touch canary)"},
        "done with nan": {**done, "search_value": float("nan")},
        "done with infinity": {**done, "search_value": float("inf")},
        "done with text": {**done, "search_value": "high"},
        "done with a deep curve": {**done, "curve": "[" * 50_000 + "]" * 50_000},
        "done with a wrong side": {**done, "side": "[1]"},
        "done with nan at the side": {**done, "side": '{"a": NaN}'},
        "done with negative time": {**done, "cpu_seconds": -1e30},
        "done without a value": {**done, "search_value": None},
        "failed with escapes": {"status": "failed", "lease_end": None, "error": "\x1b[31m" + "x" * 3_000_000},
        "blob as text": {"ops": b"\xff\xfe"},
    }


def run_folders(corpus: Corpus) -> None:
    """Folders for `nag report` and for a resumed search."""
    secret = corpus.folder / "secret.txt"
    secret.write_text("the secret of another folder")
    good = {"command": "search", "nag_version": "0.1.0", "seed": 0, "device": "cpu", "task": "t", "queries": 1}
    row = {
        "query": 1, "arch": "a", "ops": ["input", "output"], "edges": [[0, 1]], "canonical_hash": "h", "search_value": 1.0,
        "report_value": 1.0, "percentile": None, "side": {}, "epochs": 0, "cpu_seconds": 0.0, "gpu_seconds": 0.0, "error": "",
    }  # fmt: skip
    metrics: dict[str, str] = {
        "deep": "[" * 100_000 + "]" * 100_000,
        "nan": '{"command": "search", "best": NaN}',
        "a list": "[]",
        "command a list": '{"command": ["a"]}',
        "many digits": '{"command": "search", "queries": ' + "9" * 5_000 + "}",
        "surrogates": '{"command": "search", "task": "\\ud800"}',
        "values of the wrong kind": json.dumps({**good, "queries": {"a": 1}, "task": [1], "seed": "x", "best_arch": {}}),
        "command of the stars": '{"command": "' + "*" * 1_000_000 + '"}',
    }
    for name, content in metrics.items():
        corpus.add("report", f"metrics {name}", content, "metrics.json")
        corpus.cases[-1] = Case(corpus.cases[-1].name, "report", str(Path(corpus.cases[-1].path).parent))
    history: dict[str, str] = {
        "not json": "{",
        "a gap": json.dumps(row) + "\n" + json.dumps({**row, "query": 3}) + "\n",
        "step -5": json.dumps({**row, "query": -5}) + "\n",
        "values of text": json.dumps({**row, "search_value": "high"}) + "\n",
        "infinity": json.dumps({**row, "search_value": float("inf")}) + "\n",
        "no rows": "",
        "ops no list": json.dumps({**row, "ops": 5}) + "\n",
        "edges unhashable": json.dumps({**row, "edges": [[[0], [1]]]}) + "\n",
    }
    for name, content in history.items():
        path = corpus.add("report", f"history {name}", content, "history.jsonl").parent
        (path / "metrics.json").write_text(json.dumps(good))
        corpus.cases[-1] = Case(corpus.cases[-1].name, "report", str(path))
        corpus.add("history", name, content, "history.jsonl")
    for name in ("config.yaml", "metrics.json", "history.jsonl"):
        path = corpus.place("report", f"symlink {name}")
        (path / "metrics.json").write_text(json.dumps(good))
        (path / name).unlink(missing_ok=True)
        (path / name).symlink_to(secret)
        corpus.cases.append(Case(f"symlink {name}", "report", str(path)))
    path = corpus.place("report", "symlink loop")
    (path / "metrics.json").symlink_to(path / "metrics.json")
    corpus.cases.append(Case("symlink loop", "report", str(path)))
    path = corpus.place("report", "named pipe")
    os.mkfifo(path / "metrics.json")
    corpus.cases.append(Case("named pipe", "report", str(path)))


def states(corpus: Corpus, canary: Path) -> None:
    """Saved training states."""
    import torch

    whole = {"identity": "i", "model": {}, "ema": {}, "optimizer": {}, "step": 1, "seconds": 1.0, "random": None}

    def saved(content: Any) -> bytes:
        file = io.BytesIO()
        torch.save(content, file)
        return file.getvalue()

    for name, content in {
        "gadget": saved(Gadget(os.system, f"touch {canary}")),
        "plain gadget": pickle.dumps(Gadget(os.system, f"touch {canary}")),
        "step -5": saved({**whole, "step": -5}),
        "step infinite": saved({**whole, "step": float("inf")}),
        "a list": saved([1]),
        "missing entries": saved({"step": 1}),
        "empty": b"",
        "cut": saved(whole)[:50],
        "seconds nan": saved({**whole, "seconds": float("nan")}),
    }.items():
        corpus.add("state", name, content, "train_state.pt")


def make(folder: Path, products: Path) -> list[Case]:
    """Writes all files.

    Args:
        folder: Where.
        products: A folder with a small space, its table, a predictor and a generator.
    """
    corpus, canary = Corpus(folder), folder / "canary"
    rows = (products / "table.csv").read_text().splitlines()[1:]
    (folder / "space.yaml").write_text((products / "space.yaml").read_text())
    for name, content in {**gadgets(canary), **bombs()}.items():
        corpus.add("graph_table", name, content, "light/cora.bench")
        corpus.add("planetoid", f"allx {name}", content, "planetoid/ind.cora.allx")
    for name, content in arrays().items():
        corpus.add("planetoid", f"ally {name}", content, "planetoid/ind.cora.ally")
    for name, text in {**yaml_files(), **spaces()}.items():
        corpus.add("space", name, text, "space.yaml")
    for name, text in {**yaml_files(), **tasks()}.items():
        path = corpus.add("task", name, text, "task.yaml").parent
        (path / "space.yaml").write_text((products / "space.yaml").read_text())
        (path / "table.csv").write_text("\n".join(["arch,accuracy,latency", *rows]) + "\n")
    for name, content in tables(rows).items():
        corpus.add("table", name, content, "table.csv")
        corpus.add("labels", f"csv {name}", content, "labels.csv")
    space = load_space(str(products / "space.yaml"))
    native = rows[0].rsplit(",", 2)[0].strip('"')
    arch = space.decode(native)
    good = {"arch": native, "ops": list(arch.ops), "edges": [list(edge) for edge in arch.edges], "accuracy": 1.0}
    for name, text in json_lines(good).items():
        corpus.add("architectures", name, text, "archs.jsonl")
        corpus.add("labels", f"jsonl {name}", text, "labels.jsonl")
    for name, text in {"long": "9" * 3_000_000, "nulls": "a\x00b\n", "many": "x\n" * 200_000, "escapes": "\x1b[31m\n"}.items():
        corpus.add("architectures", f"text {name}", text, "archs.txt")
    for kind, file in (("predictor", "accuracy/predictor"), ("generator", "told/generator"), ("generator", "vp/generator")):
        made = checkpoints(kind, (products / f"{file}.safetensors").read_bytes())
        for number, (name, content) in enumerate(made):
            corpus.add(kind, f"{file.partition('/')[0]} {number} {name}", content, f"{kind}.safetensors")
    for name, content in archives(["images", "labels"], canary).items():
        corpus.add("images", f"npz {name}", content, "data.npz")
    for name, content in archives(["ops", "adjacency", "accuracy"], canary).items():
        corpus.add("nasbench101", name, content, "nasbench101.npz")
    for name, content in pictures().items():
        path = corpus.add("images", f"picture {name}", content, "data/a/1.png").parents[1]
        for label in ("a", "b"):
            for number in range(2, 12):
                (path / label).mkdir(exist_ok=True)
                (path / label / f"{number}.png").write_bytes(_png(2, 2, b"\x00" + bytes([number] * 6) + b"\x00" + b"\x20" * 6))
        corpus.cases[-1] = Case(corpus.cases[-1].name, "images", str(path))
    for name, change in store_rows(native, json.dumps(good["ops"]), json.dumps(good["edges"])).items():
        path = corpus.place("store", name)
        (path / "change.pickle").write_bytes(pickle.dumps(change))
        corpus.cases.append(Case(name, "store", str(path)))
    for name, content in {"text": b"hello", "cut": b"SQLite format 3\x00" + b"\x10" * 50, "empty": b""}.items():
        corpus.add("store_file", name, content, "evaluations.sqlite")
    other = corpus.place("store_file", "another database") / "evaluations.sqlite"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE evaluations (id TEXT)")
    corpus.cases.append(Case("another database", "store_file", str(other)))
    run_folders(corpus)
    states(corpus, canary)
    return corpus.cases
