# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make publish` sends, with the real client and a server on the loopback that answers as Ansible Galaxy does."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).parents[3]
TOKEN = "a#b: \"c'"


class Galaxy(ThreadingHTTPServer):
    """Remembers the authorization and the body of each upload."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.uploads: list[tuple[str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api/"


class Answer(BaseHTTPRequestHandler):
    server: Galaxy

    def do_GET(self) -> None:
        if self.path.rstrip("/") == "/api":
            self._answer({"available_versions": {"v3": "v3/"}})
        else:
            self._answer({"state": "completed", "messages": [], "finished_at": "2026-11-28T00:00:00Z"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.uploads.append((self.headers.get("Authorization", ""), body))
        self._answer({"task": f"{self.server.url}v3/imports/collections/1/"})

    def _answer(self, content: object) -> None:
        text = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_arguments: object) -> None:
        """Nothing to the terminal."""


@pytest.fixture
def galaxy() -> Iterator[Galaxy]:
    with Galaxy() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A working copy with one commit, in which the tarball is ignored as all of build/ is."""
    root = tmp_path / "project"
    (root / "tests").mkdir(parents=True)
    (root / "build").mkdir()
    shutil.copy(ROOT / "tests/publish.sh", root / "tests")
    shutil.copy(ROOT / "galaxy.yml", root)
    (root / ".gitignore").write_text("/build/\n")
    (root / "README.md").write_text("# A collection\n")
    command = ["ansible-galaxy", "collection", "build", "--output-path", "build", "."]
    git(root, "init", "--quiet")
    subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message=x")
    return root


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True)


def publish(root: Path, galaxy: Galaxy, **environment: str) -> tuple[int, str]:
    (tarball,) = (root / "build").glob("*.tar.gz")
    (root.parent / "tmp").mkdir(exist_ok=True)
    known = {name: value for name, value in os.environ.items() if not name.startswith(("GALAXY_", "ANSIBLE_GALAXY"))}
    settings = {"HOME": str(root.parent), "TMPDIR": str(root.parent / "tmp"), "ANSIBLE_GALAXY_SERVER": galaxy.url}
    done = subprocess.run(
        ["bash", "tests/publish.sh", str(tarball)],
        cwd=root,
        env={**known, **settings, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_the_tarball_is_sent_with_the_token_which_stays_nowhere(project: Path, galaxy: Galaxy) -> None:
    git(project, "tag", "1.0.0")
    code, said = publish(project, galaxy, GALAXY_TOKEN=TOKEN)
    assert code == 0, said
    ((authorization, body),) = galaxy.uploads
    assert authorization == f"Token {TOKEN}"
    (tarball,) = (project / "build").glob("*.tar.gz")
    assert base64.b64encode(tarball.read_bytes()) in b"".join(body.split())
    assert TOKEN not in said
    kept = [path for path in project.parent.rglob("*") if path.is_file() and TOKEN in path.read_text(errors="replace")]
    assert kept == []


@pytest.mark.parametrize(
    ("tagged", "dirty", "token", "fault"),
    [
        (True, False, "", "publish: set it to a token of Ansible Galaxy"),
        (False, False, TOKEN, "publish: the current commit has no tag: tag it with the version in galaxy.yml"),
        (True, True, TOKEN, "publish: the working copy has changes: commit them, and tag that commit"),
    ],
)
def test_only_a_commit_with_a_tag_is_published(
    project: Path, galaxy: Galaxy, tagged: bool, dirty: bool, token: str, fault: str
) -> None:
    if tagged:
        git(project, "tag", "1.0.0")
    if dirty:
        (project / "new").touch()
    code, said = publish(project, galaxy, GALAXY_TOKEN=token)
    assert code
    assert fault in said
    assert galaxy.uploads == []
