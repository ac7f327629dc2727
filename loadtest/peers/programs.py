"""The programs that are run beside liveroom: where they are, and our own C compiled when needed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
COMPILE_S_MAX = 60


class Missing(Exception):
    """A program that is not on this machine; the message says what and why."""


def compiled(name: str, folder: Path) -> Path:
    """The program made from `NAME.c`, made anew only when a source changed. Raises Missing."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise Missing(f"{name}: no C compiler")
    sources = b"".join(path.read_bytes() for path in sorted(HERE.glob("*.[ch]")))
    program = folder / f"{name}-{hashlib.sha256(sources).hexdigest()[:12]}"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        begun = program.with_suffix(".new")
        command = [compiler, "-O2", "-o", str(begun), str(HERE / f"{name}.c")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_S_MAX)
        if done.returncode:
            raise Missing(f"{name}: {done.stderr[-500:]}")
        begun.replace(program)
    return program


def node_command(script: str, package: str, folder: Path) -> list[str]:
    """Node with one of our scripts, when the package it needs is there. Raises Missing."""
    node = shutil.which("node")
    if node is None:
        raise Missing(f"{package}: no node")
    if not (folder / "node_modules" / package / "package.json").exists():
        raise Missing(f"{package}: not in {folder}/node_modules")
    return [node, str(HERE / script)]


def python_command(script: str, package: str, folder: Path) -> list[str]:
    """The peers' own Python with one of our scripts. Raises Missing."""
    python = folder / "venv" / "bin" / "python"
    if not python.exists():
        raise Missing(f"{package}: no {python}")
    found = subprocess.run([python, "-c", f"import {package}"], capture_output=True)
    if found.returncode:
        raise Missing(f"{package}: not in {folder}/venv")
    return [str(python), str(HERE / script)]


def nginx_program(folder: Path) -> tuple[Path, Path]:
    """nginx and its nchan module. Raises Missing."""
    nginx = folder / "nginx/usr/sbin/nginx"
    module = folder / "nginx/usr/lib/nginx/modules/ngx_nchan_module.so"
    if not (nginx.exists() and module.exists()):
        raise Missing(f"nchan: not in {folder}/nginx")
    return nginx, module
