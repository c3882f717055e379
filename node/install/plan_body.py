"""A plan as JSON for people's programs: the same from `--json` and over the API."""

from __future__ import annotations

from typing import Any

from protocol.install.planned import InstallPlan, Planned
from protocol.messages import render


def plan_body(plan: InstallPlan, language: str) -> dict[str, Any]:
    """A plan as JSON."""
    return {
        "target": plan.target,
        "base": plan.base,
        "size": plan.size,
        "items": [item_body(item, language) for item in plan.items],
        "removed": list(plan.removed),
        "matches": [
            {
                "capability": match.capability,
                "by": match.by,
                "release": match.release,
                "decided_by": match.decided_by,
                "alternatives": [
                    {"release": one.release, "trust": one.trust.value, "offline": one.offline, "rating": one.rating}
                    for one in match.alternatives
                ],
            }
            for match in plan.matches
        ],
        "questions": [
            {
                "asked": question.asked.value,
                "release": question.release,
                "message": render(question.code, question.params, language).text,
                "digest": question.digest,
            }
            for question in plan.questions
        ],
        "left": [
            {"needs": one.needs, "by": one.by, "constraint": one.constraint, "reason": one.reason} for one in plan.left
        ],
    }


def item_body(item: Planned, language: str) -> dict[str, Any]:
    """One planned item as JSON."""
    return {
        "ref": str(item.ref),
        "kind": item.kind.value,
        "version": item.version,
        "principal": item.principal,
        "trust": item.trust.value,
        "reasons": [{"code": code, "text": render(code, {}, language).text} for code in item.reasons],
        "digest": item.digest,
        "size": item.size,
        "files": item.files,
        "step": item.step.value,
        "was": item.was,
        "why": list(item.why),
        "needs": list(item.needs),
        "newer": list(item.newer),
        "locations": [{"source": one.source, "url": one.url} for one in item.locations],
        "permissions": list(item.may.permissions),
        "commands": list(item.may.commands),
        "addresses": list(item.may.addresses),
        "endpoints": list(item.may.endpoints),
        "settings": [
            {"name": one.name, "required": one.required, "secret": one.secret, "description": one.description}
            for one in item.may.settings
        ],
    }
