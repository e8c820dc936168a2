"""The libraries of Rust, Go and Java: how the tests of each are run, and where its version is pinned.

A runner builds nothing: `scripts/clients` has built before. `outcomes` tells of each test that ran whether it passed,
by the last part of its name. Names begin with what they show (`acquire_...`, `wrongToken...`).
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

SUITES = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Library:
    """One line of the results; `own_scripts` is false where an application brings the scripts, as on a bare client."""

    language: str
    name: str
    tests: str
    client: str
    part: str = ""
    own_scripts: bool = True
    lacks: dict = field(default_factory=dict)
    replayed_version: str | None = None


class Cargo:
    directory = SUITES / "rust"
    libraries = (
        Library("Rust", "rslock", "rslock", "redis"),
        Library("Rust", "redis", "redis", "redis", own_scripts=False),
        Library("Rust", "fred", "fred", "fred", own_scripts=False),
        Library(
            ".NET",
            "StackExchange.Redis",
            "stackexchange",
            "bytes replayed by Rust",
            part="LockTake, LockExtend, LockRelease",
            replayed_version="2.8",
        ),
    )

    def command(self, library):
        quietly = ["--quiet", "--locked", "--offline"]
        return ["cargo", "test", *quietly, "--test", library.tests, "--", "--format", "pretty"]

    def outcomes(self, _library, said):
        return [(name, verdict == "ok") for name, verdict in re.findall(r"^test (\w+) \.\.\. (\w+)", said, re.M)]

    def version(self, name):
        manifest = (self.directory / "Cargo.toml").read_text()
        return only(re.findall(rf'^{re.escape(name)} = {{ version = "=([^"]+)"', manifest, re.M), name)


class Go:
    directory = SUITES / "go"
    libraries = (
        Library("Go", "github.com/go-redsync/redsync/v4", "TestRedsyncOverGoRedis", "github.com/redis/go-redis/v9"),
        Library("Go", "github.com/go-redsync/redsync/v4", "TestRedsyncOverRedigo", "github.com/gomodule/redigo"),
        Library("Go", "github.com/bsm/redislock", "TestRedislock", "github.com/redis/go-redis/v9"),
    )

    def command(self, library):
        return ["go", "test", "-count=1", "-v", "-run", f"^{library.tests}$", "."]

    def outcomes(self, _library, said):
        found = re.findall(r"^ +--- (PASS|FAIL|SKIP): \w+/(\w+)", said, re.M)
        return [(name, verdict == "PASS") for verdict, name in found]

    def version(self, name):
        return only(re.findall(rf"^\t{re.escape(name)} v(\S+)$", (self.directory / "go.mod").read_text(), re.M), name)


class Maven:
    directory = SUITES / "java"
    libraries = (
        Library("Java", "jedis", "JedisTest", "jedis", own_scripts=False),
        Library("Java", "lettuce-core", "LettuceTest", "lettuce-core", own_scripts=False),
        Library("Java", "spring-integration-redis", "SpringLockTest", "lettuce-core", part="RedisLockRegistry"),
    )

    def command(self, library):
        # The report of an earlier run must not speak for one that ended before its tests.
        self.report(library).unlink(missing_ok=True)
        return ["mvn", "-B", "-q", "surefire:test", f"-Dtest={library.tests}"]

    def outcomes(self, library, _said):
        report = self.report(library)
        cases = ElementTree.parse(report).iter("testcase") if report.exists() else ()
        return [(case.get("name"), not {"failure", "error", "skipped"} & {part.tag for part in case}) for case in cases]

    def report(self, library):
        return self.directory / f"target/surefire-reports/TEST-quintlock.clients.{library.tests}.xml"

    def version(self, name):
        manifest = (self.directory / "pom.xml").read_text()
        found = re.findall(rf"<artifactId>{re.escape(name)}</artifactId>\s*<version>([^<]+)<", manifest)
        return only(found, name).removesuffix(".RELEASE")


RUNNERS = {"rust": Cargo(), "go": Go(), "java": Maven()}


def only(found, name):
    if len(set(found)) != 1:
        raise LookupError(f"{name} is pinned {len(found)} times")
    return found[0]
