"""Java servers from Maven Central: a small pom names one, and its jars are fetched once into a cache."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.servers.recipes import programs
from tests.servers.recipes.recipe import ServerError

JAVA_ADVICE = (
    "install Java 17 and Maven (Debian: apt-get install default-jre-headless maven; macOS: brew install maven)"
)
_DIRECTORIES = ("/usr/lib/jvm/*/bin", "/opt/homebrew/opt/openjdk*/bin", "/usr/local/opt/openjdk*/bin")


class Jars:
    """The jars that a pom asks for, kept apart for each version of what it asks for."""

    def __init__(self, pom: Path) -> None:
        self._pom = pom

    @property
    def directory(self) -> Path:
        """Where they are, or will be: a place that the user a server runs as can read."""
        versions = re.findall(r"<version>([^<]+)</version>", self._pom.read_text())
        if os.geteuid() == 0:
            caches = Path("/var/cache")
        else:
            caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return caches / "milepost" / f"{self._pom.parent.name}-{versions[-1]}"

    def missing(self) -> str | None:
        """Name the first program that is needed and cannot be found."""
        needed = ("java",) if self.directory.is_dir() else ("java", "mvn")
        return next((name for name in needed if programs.find_program(name, *_DIRECTORIES) is None), None)

    def fetch(self) -> None:
        """Fetch them, unless they are there. Raises ServerError with what Maven says."""
        target = self.directory
        if target.is_dir():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        # One session at a time: Maven's own cache is not for two at once.
        with target.with_name("fetching.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.is_dir():
                self._fetch(target)

    def _fetch(self, target: Path) -> None:
        print(f"fetching {target.name} into {target.parent}, once", file=sys.stderr, flush=True)
        # In a directory of its own until all are there, as this may be broken off.
        with tempfile.TemporaryDirectory(prefix=f"{target.name}-", dir=target.parent) as scratch:
            complete = Path(scratch) / "jars"
            self._copy_dependencies(complete)
            complete.chmod(0o755)
            complete.rename(target)

    def _copy_dependencies(self, into: Path) -> None:
        maven = programs.find_program("mvn", *_DIRECTORIES)
        if maven is None:
            raise ServerError("mvn was not found")
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={into}"]
        done = subprocess.run(
            [maven, "--quiet", "--batch-mode", "--file", str(self._pom), *goal],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0 or not into.is_dir():
            raise ServerError(f"Maven failed with {done.returncode}: {(done.stdout + done.stderr).strip()[-600:]}")

    def java(self, main: str, *options: str) -> list[str]:
        """Return the command that runs a main class of theirs, small and quick to start."""
        java = programs.find_program("java", *_DIRECTORIES)
        if java is None:
            raise ServerError("java was not found")
        small = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
        return [java, *small, *options, "-cp", f"{self.directory}/*", main]
