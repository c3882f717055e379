"""Settings: where they come from, what they mean, and what is wrong with them.

Later wins: built-in defaults < `config.yaml` < `config.d/*.yaml` (sorted) < environment `OODER_*` < command line flags.
Mappings merge key by key, lists of sources' places (folders, repositories) add up, everything else is replaced. A section under
`sources:` is validated by the source itself. Every problem is found in one go, with file, line and the nearest right names.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from node import registry
from node.config_file import ConfigFile, Keys, read_config_file
from node.paths import Paths
from protocol.errors import OoderError, StorageError, UsageError
from protocol.query import Scope

ENV_PREFIX = "OODER_"
ENV_ELSEWHERE = {"OODER_HOME", "OODER_LANG", "OODER_CORPUS"}  # read by others, not settings


class Section(BaseModel):
    """Base of every settings section: a typo is an error, not a wish."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _network(text: str) -> str:
    from protocol.http.addresses import read_networks

    try:
        read_networks((text,))
    except UsageError as error:
        raise ValueError(error.text()) from None
    return text


class ScopeSettings(Section):
    """A user's own version of one scope preset."""

    sources: tuple[str, ...] | None = Field(
        default=None, description="sources of this scope in their order, instead of the preset's"
    )


class TrustSettings(Section):
    """Who is official for this user: principals or owners, `*` at the end allowed."""

    official: tuple[str, ...] = Field(
        default=(), description="principals or owners that count as official; `*` at the end stands for any ending"
    )


class ScanSettings(Section):
    """Bounds of one scan or live search."""

    deadline: float = Field(default=120.0, gt=0, le=3600, description="seconds one source may take for one scan")
    slow_after: float = Field(
        default=5.0, gt=0, le=600, description="seconds after which a source's light turns yellow"
    )
    every: float = Field(default=300.0, ge=5, le=86400, description="seconds between scans while the node runs")


class ApiSettings(Section):
    """The control plane: HTTP API and web page."""

    enabled: bool = Field(default=True, description="serve the API and the page while the node runs")
    host: str = Field(
        default="127.0.0.1", description="address to listen on; anything but loopback needs a TLS certificate"
    )
    port: int = Field(default=48880, ge=0, le=65535, description="port to listen on, or the next free one; 0 = any")
    names: tuple[str, ...] = Field(default=(), description="further host names that lead here")
    tls_certificate: str = Field(default="", description="file with the certificate chain (PEM)")
    tls_key: str = Field(default="", description="file with the private key (PEM)")


class PeerSettings(Section):
    """The peer plane: read-only, for other nodes."""

    enabled: bool | None = Field(
        default=None,
        description="serve what this node shares: true always, false never, unset while something is shared",
    )
    host: str = Field(default="0.0.0.0", description="address to listen on")  # noqa: S104 - made for strangers
    port: int = Field(default=48889, ge=0, le=65535, description="port to listen on, or the next free one; 0 = any")
    proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        default=(),
        max_length=64,
        description="addresses or networks (CIDR) of reverse proxies before this plane, whose X-Forwarded-For says who asks",
    )
    download_rate: int = Field(
        default=0, ge=0, description="bytes per second that packages are fetched with from peers, in all; 0 = no bound"
    )


class MirrorSettings(Section):
    """Another SkillCenter whose items are served here too."""

    url: str = Field(description="address, the part before /api/v1")
    key: str = Field(default="", description="fingerprint of the key it signs with; empty: the first one seen")
    allow: tuple[str, ...] = Field(
        default=(), description="what is taken, as patterns of refs: `skill:acme.*`; empty: nothing"
    )
    every: float = Field(default=300.0, ge=1, le=86_400, description="seconds between looks")


class SkillCenterSettings(Section):
    """This node as a SkillCenter: others publish to it, everybody finds and downloads. Served on the peer plane."""

    enabled: bool = Field(default=False, description="be a SkillCenter while the node runs")
    database: str = Field(
        default="",
        description="where everything is kept: `postgresql://...` for several replicas; empty: a file in this home",
    )
    key: str = Field(
        default="",
        description="file with the key the registry signs with, the same for all replicas; empty: this node's",
    )
    publishers: tuple[str, ...] = Field(
        default=(), description="fingerprints of keys that may publish, besides this node and paired devices"
    )
    anyone: bool = Field(default=False, description="let every key publish under names nobody has")
    namespaces: dict[str, str] = Field(
        default_factory=dict, description="namespace -> fingerprint of the only key that may publish in it"
    )
    rate: float = Field(default=200.0, gt=0, le=100_000, description="requests per second and address")
    mirrors: tuple[MirrorSettings, ...] = Field(default=(), description="other SkillCenters, taken in selectively")


class Settings(Section):
    """All settings but the sources' own."""

    scope: Scope = Field(default=Scope.PERSONAL, description="which sources are asked, and what counts most")
    name: str = Field(
        default="", max_length=200, description="what other devices call this node; empty: the name of this host"
    )
    offline: bool = Field(default=False, description="answer from the cache only")
    scopes: dict[Scope, ScopeSettings] = Field(default_factory=dict, description="your own version of a scope")
    trust: TrustSettings = TrustSettings()
    groups: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="groups of devices to share with: name -> fingerprints of their keys"
    )
    scan: ScanSettings = ScanSettings()
    api: ApiSettings = ApiSettings()
    peer: PeerSettings = PeerSettings()
    skill_center: SkillCenterSettings = SkillCenterSettings()
    sources: dict[str, dict[str, Any]] = Field(default_factory=dict, description="one section for each source, below")


class SourceSwitch(Section):
    """The setting every source has beside its own."""

    enabled: bool = True


_WANTED = {
    "tuple_type": "a list is expected, like [one, two]",
    "dict_type": "keys with values are expected",
    "model_type": "keys with values are expected",
    "bool_parsing": "true or false is expected",
    "int_parsing": "a whole number is expected",
    "float_parsing": "a number is expected",
}
"""Types of wrong values in words that need no knowledge of this program."""


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing wrong with the settings; `origin` is `file:line`, a variable or a flag."""

    origin: str
    key: str
    reason: str
    near: tuple[str, ...] = ()


@dataclass(frozen=True)
class Config:
    """Validated settings and where each came from. `values` and `origins` are keyed by path of keys."""

    settings: Settings
    enabled: Mapping[str, bool]
    origins: Mapping[Keys, str]
    problems: tuple[ConfigProblem, ...]
    raw: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def sources(self) -> Mapping[str, BaseModel]:
        """Validated section of every enabled source. Raises UsageError `config.invalid` for the first broken one."""
        wanted = [name for name in self.source_names() if self.enabled.get(name, True)]
        found = {name: _section(name, said, self.origins) for name, said in self.said.items() if name in wanted}
        for problems in filter(None, (wrong for _, wrong in found.values())):
            raise invalid(problems)
        return registry.Sections(wanted, {name: section for name, (section, _) in found.items()})

    @property
    def said(self) -> Mapping[str, Mapping[str, Any]]:
        """Sections that could be wrong: a built-in source that nothing is said about is not imported to find that out."""
        return {name: said for name, said in self.settings.sources.items() if said or name not in registry.BUILT_IN}

    def source_names(self) -> tuple[str, ...]:
        """Built-in sources, then those the configuration names."""
        return tuple(dict.fromkeys((*registry.BUILT_IN, *self.settings.sources)))


def invalid(problems: tuple[ConfigProblem, ...]) -> UsageError:
    """The error for settings that do not hold: the first problem in words, all of them as data."""
    first = problems[0]
    hint = f" ({' / '.join(first.near)}?)" if first.near else ""
    return UsageError(
        "config.invalid",
        origin=first.origin,
        key=first.key,
        reason=first.reason + hint,
        count=len(problems),
        all=[f"{problem.origin}: {problem.key}: {problem.reason}" for problem in problems],
    )


def load(
    paths: Paths,
    flags: Mapping[Keys, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
    own: Mapping[str, Any] | None = None,
) -> Config:
    """Read every layer. Raises UsageError `config.unreadable`; what is merely wrong is in `Config.problems`. `own` stands in
    for the content of our own drop-in, to see what would be wrong with it."""
    merged: dict[str, Any] = {}
    origins: dict[Keys, str] = {}
    for layer in _layers(paths, flags or {}, environ, own):
        _merge(merged, layer.values, (), layer, origins)
    settings, problems = _validate(merged, origins)
    enabled: dict[str, bool] = {}
    for name, section in list(settings.sources.items()):
        switch, wrong = _switch(name, section, origins)
        enabled[name] = switch.enabled
        problems = (*problems, *wrong)
        settings.sources[name] = {key: value for key, value in section.items() if key != "enabled"}
    return Config(settings, enabled, origins, problems, merged)


def check(config: Config) -> tuple[ConfigProblem, ...]:
    """Every problem of every layer, the sources' sections included."""
    problems = list(config.problems)
    for name, section in config.said.items():
        try:
            problems += _section(name, section, config.origins)[1]
        except OoderError as error:
            origin = config.origins.get(("sources", name), "")
            problems.append(ConfigProblem(origin, f"sources.{name}", error.text(), _near(name, registry.BUILT_IN)))
    return tuple(problems)


def check_section(name: str, section: Mapping[str, Any], loaded: Config) -> tuple[ConfigProblem, ...]:
    """What would be wrong with a source if `section` were its settings."""
    return _section(name, section, loaded.origins)[1]


def schema() -> dict[str, Any]:
    """JSON Schema of the whole configuration, for editors."""
    whole = Settings.model_json_schema()
    sections: dict[str, Any] = {}
    for name in registry.BUILT_IN:
        section = registry.load(name).config.model_json_schema()
        section.setdefault("properties", {})["enabled"] = {"type": "boolean", "default": True}
        whole.setdefault("$defs", {}).update(section.pop("$defs", {}))
        sections[name] = section
    whole["properties"]["sources"] = {"type": "object", "properties": sections}
    return whole


def _layers(
    paths: Paths, flags: Mapping[Keys, Any], environ: Mapping[str, str], own: Mapping[str, Any] | None
) -> Iterator[ConfigFile]:
    files = [paths.config]
    drop_ins = set(paths.config_dir.glob("*.yaml")) if os.path.lexists(paths.config_dir) else set()
    files += sorted(drop_ins | ({paths.own_config} if own is not None else set()))
    for path in files:
        if own is not None and path == paths.own_config:
            yield ConfigFile(str(path), own)
        elif os.path.lexists(path):
            yield read_config_file(path)
    for name, text in sorted(environ.items()):
        if name.startswith(ENV_PREFIX) and name not in ENV_ELSEWHERE:
            keys = tuple(name[len(ENV_PREFIX) :].lower().split("__"))
            yield ConfigFile.single(keys, text, f"env {name}")
    for keys, value in flags.items():
        yield ConfigFile.single(keys, value, "flag --" + keys[-1].replace("_", "-"))


def _merge(
    into: dict[str, Any], values: Mapping[str, Any], at: Keys, layer: ConfigFile, origins: dict[Keys, str]
) -> None:
    for key, value in values.items():
        here = (*at, key)
        if isinstance(value, Mapping) and isinstance(into.get(key, {}), dict):
            origins.setdefault(here, layer.origin(here))
            _merge(into.setdefault(key, {}), value, here, layer, origins)
        elif isinstance(value, list) and isinstance(into.get(key), list) and here[0] == "sources":
            into[key] = [*into[key], *(entry for entry in value if entry not in into[key])]
            origins[here] += f", {layer.origin(here)}"
        else:
            into[key] = value
            origins[here] = layer.origin(here)


def _validate(merged: Mapping[str, Any], origins: Mapping[Keys, str]) -> tuple[Settings, tuple[ConfigProblem, ...]]:
    """The settings that hold (wrong ones at their default) and what does not."""
    remaining = dict(merged)
    problems: list[ConfigProblem] = []
    while True:
        try:
            return Settings.model_validate(remaining), tuple(problems)
        except ValidationError as error:
            problems += _explain(error, (), Settings, origins)
            for wrong in error.errors():
                remaining.pop(str(wrong["loc"][0]), None)


def _section(
    name: str, section: Mapping[str, Any], origins: Mapping[Keys, str]
) -> tuple[BaseModel, tuple[ConfigProblem, ...]]:
    spec = registry.load(name)
    values = {key: value for key, value in section.items() if key != "enabled"}
    try:
        return spec.config.model_validate(values), ()
    except ValidationError as error:
        return spec.config(), tuple(_explain(error, ("sources", name), spec.config, origins))


def _switch(
    name: str, section: Mapping[str, Any], origins: Mapping[Keys, str]
) -> tuple[SourceSwitch, tuple[ConfigProblem, ...]]:
    try:
        return SourceSwitch.model_validate({key: section[key] for key in ("enabled",) if key in section}), ()
    except ValidationError as error:
        return SourceSwitch(), tuple(_explain(error, ("sources", name), SourceSwitch, origins))


def _explain(
    error: ValidationError, at: Keys, model: type[BaseModel], origins: Mapping[Keys, str]
) -> Iterator[ConfigProblem]:
    for wrong in error.errors(include_input=False, include_url=False):
        keys = (*at, *(str(part) for part in wrong["loc"]))
        known = next((origins[keys[:end]] for end in range(len(keys), 0, -1) if keys[:end] in origins), "default")
        near: tuple[str, ...] = ()
        reason = _WANTED.get(wrong["type"], wrong["msg"].removeprefix("Value error, "))
        if wrong["type"] == "extra_forbidden":
            reason = "no such setting"
            near = _near(keys[-1], _field_names(model, keys[len(at) : -1]))
        yield ConfigProblem(known, ".".join(keys), reason, near)


def _field_names(model: type[BaseModel], keys: Keys) -> tuple[str, ...]:
    for key in keys:
        inner = model.model_fields.get(key)
        if inner is None or not (isinstance(inner.annotation, type) and issubclass(inner.annotation, BaseModel)):
            return tuple(model.model_fields)
        model = inner.annotation
    return tuple(model.model_fields)


def _near(name: str, known: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(difflib.get_close_matches(name, known, n=2, cutoff=0.5))


def settings_stamp(paths: Paths) -> tuple[tuple[str, int, int], ...]:
    """Another one after any file of settings or pins was written, added or removed."""
    found = []
    for path in (paths.config, paths.trust, *sorted(paths.config_dir.glob("*.yaml"))):
        with suppress(OSError):
            status = path.stat()
            found.append((path.name, status.st_mtime_ns, status.st_ino))
    return tuple(found)


def write_own(paths: Paths, values: Mapping[str, Any]) -> Path:
    """Replace the command line's own drop-in atomically; the user's files are never touched."""
    from node.config_file import dump_config  # only commands that write need the emitter

    paths.ensure()
    try:
        paths.config_dir.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StorageError("home.unwritable", path=str(paths.config_dir), reason=error.strerror or "") from error
    return dump_config(paths.own_config, values)


def read_own(paths: Paths) -> dict[str, Any]:
    """What the command line has written so far."""
    return dict(read_config_file(paths.own_config).values) if paths.own_config.exists() else {}
