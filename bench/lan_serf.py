"""serf (memberlist's gossip, first contact over mDNS) does what `bench.lan` measures of this node, on the same kind of network.

What an agent sees is read from its log as it comes. Nobody is configured to know anybody: `-discover` joins whom mDNS finds.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from itertools import count

from bench.lan_foreign import Figure, Program, at_rest, await_room, capped, idle, spread, until
from scenarios.netns import NetLab

PROGRAMS = ("serf",)
PORT = 7946
ROUNDS = 5
IDLE_S = 15.0
LOSSY_S = 8.0
LATE_S = 5.0  # whoever has not seen a newcomer by then counts as having taken that long
_LATE = count()


def measure() -> list[Figure]:
    """About a minute and a half."""
    figures = list[Figure]()
    for story, total, loss in ((_crowd, 25, 0.0), (_crowd, 25, 30.0), (_few, 10, 0.0)):
        await_room()
        with NetLab() as lab:
            figures += story(lab, total, loss)
    return figures


def _agent(lab: NetLab, name: str) -> Program:
    return Program(lab, name, ["serf", "agent", f"-node={name}", "-discover=bench"])


def _hosts(lab: NetLab, total: int, loss: float) -> list[str]:
    lab.lan("l", "10.77.0.0/16")
    return [_host(lab, f"h{number}", loss) for number in range(total)]


def _host(lab: NetLab, name: str, loss: float = 0.0) -> str:
    lab.host(name, "l")
    lab.run(name, ["ip", "route", "add", "default", "dev", "eth0"])  # it sends mDNS only where a route leads
    if loss:
        lab.loss(name, loss)
    return name


def _joined(watcher: Program, name: str, since: float = 0.0) -> float | None:
    return watcher.when(f"EventMemberJoin: {name} ", since)


def _all_joined(agents: Sequence[Program], seconds: float) -> bool:
    pairs = [(a, b.host) for a in agents for b in agents if a is not b]
    return until(lambda: all(_joined(watcher, name) for watcher, name in pairs), seconds, 0.05)


def _crowd(lab: NetLab, total: int, loss: float) -> list[Figure]:
    """All start together; then, without loss, what rest costs and how a newcomer is seen."""
    agents = [_agent(lab, host) for host in _hosts(lab, total, loss)]
    start, most = agents[0].opened(PORT), LOSSY_S if loss else 30.0
    _all_joined(agents, most)
    times = [_joined(a, b.host) or start + most for a in agents for b in agents if a is not b]
    pairs = [at - start for at in times]
    if loss:
        what = f"{total} nodes started together, {loss:.0f} % loss, pairs p95"
        return [capped(what, spread(pairs)[1], "s", "serf", most)]
    until(lambda: at_rest(lab, agents), 10.0)
    return [
        Figure(f"{total} nodes started together: all see all", max(pairs), "s", "serf"),
        *idle(lab, agents, IDLE_S, "serf"),
        *_newcomers(lab, agents)[:2],
    ]


def _newcomers(lab: NetLab, agents: Sequence[Program]) -> list[Figure]:
    took, cold = list[float](), list[float]()
    for _ in range(ROUNDS):
        late = _agent(lab, _host(lab, f"late{next(_LATE)}"))
        opened = late.opened(PORT)
        until(lambda late=late: all(_joined(agent, late.host) for agent in agents), LATE_S)  # type: ignore[misc]
        took += [(_joined(agent, late.host) or opened + LATE_S) - opened for agent in agents]
        first = [at for agent in agents if (at := _joined(late, agent.host))]
        cold.append((min(first) if first else late.started + LATE_S) - late.started)
        late.process.send_signal(signal.SIGINT)
    middle, most = spread(took)
    what = f"newcomer seen by {len(agents)} running nodes"
    return [
        capped(f"{what}, p50", middle * 1000, "ms", "serf", LATE_S * 1000),
        capped(f"{what}, p95", most * 1000, "ms", "serf", LATE_S * 1000),
        Figure("cold process, exec to first peer", spread(cold)[0] * 1000, "ms", "serf"),
    ]


def _few(lab: NetLab, total: int, loss: float) -> list[Figure]:
    """A newcomer, a goodbye, a crash, and a network cut in two and mended."""
    agents = [_agent(lab, host) for host in _hosts(lab, total, loss)]
    _all_joined(agents, 30.0)
    figures = _newcomers(lab, agents)
    leaver, crashed, *stay = reversed(agents)

    def noticed(words: str, since: float, seconds: float) -> float:
        until(lambda: all(agent.when(words, since) for agent in stay), seconds)
        return max(agent.when(words, since) or since + seconds for agent in stay) - since

    now = time.perf_counter()
    leaver.process.send_signal(signal.SIGINT)
    figures.append(Figure("goodbye seen by 9 nodes", noticed(f"Leave: {leaver.host} ", now, 10.0) * 1000, "ms", "serf"))
    now = time.perf_counter()
    lab.link(crashed.host, "down")
    gone = noticed(f"Failed: {crashed.host} ", now, 30.0)
    figures.append(Figure("crash not shown as fresh by 8 nodes", gone, "s", "serf"))
    return [*figures, _heal(lab, stay)]


def _heal(lab: NetLab, agents: Sequence[Program]) -> Figure:
    one, other = agents[: len(agents) // 2], agents[len(agents) // 2 :]
    across = [(a, b.host) for a in one for b in other] + [(b, a.host) for a in one for b in other]
    now = time.perf_counter()
    lab.split("l", [agent.host for agent in one])
    until(lambda: all(agent.when(f"Failed: {name} ", now) for agent, name in across), 40.0, 0.05)
    healed = time.perf_counter()
    lab.heal("l")
    until(lambda: all(_joined(agent, name, healed) for agent, name in across), 20.0)
    took = max(_joined(agent, name, healed) or healed + 20.0 for agent, name in across) - healed
    return Figure("partition of 4 and 4 healed", took, "s", "serf")
