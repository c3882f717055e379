"""Which status the errors of installing and running have, and which of them a route has to expect together."""

from __future__ import annotations

from collections.abc import Mapping

_BY_STATUS: Mapping[int, tuple[str, ...]] = {
    400: (
        "plan.bad_choice",
        "plan.cannot_install",
        "node.bad_parameter",
        "scene.contract_request",
        "scene.missing_setting",
        "settings.unknown",
        "settings.bad_value",
        "settings.too_much",
        "pair.failed",
        "peer.ambiguous",
        "share.bad_audience",
        "share.bad_time",
        "share.not_yours",
    ),
    403: (
        "install.not_agreed",
        "install.needs_digest",
        "plan.frozen",
        "plan.needs_consent",
        "plan.needs_digest",
        "bundle.revoked_key",
        "bundle.unknown_key",
        "scene.address_refused",
        "scene.no_consent",
        "scene.redirected",
    ),
    404: (
        "plan.unknown",
        "plan.unknown_target",
        "plan.not_locked",
        "install.unknown",
        "install.no_package",
        "install.no_generation",
        "install.not_installed",
        "queue.not_waiting",
        "scene.not_installed",
        "scene.not_provided",
        "scene.no_route",
        "scene.no_log",
        "scene.no_program",
        "pair.not_now",
        "peer.unknown",
        "share.not_shared",
        "item.unknown",
    ),
    409: (
        "install.base_moved",
        "install.equivocation",
        "install.needed",
        "install.two_releases",
        "plan.ambiguous",
        "plan.blocked",
        "plan.conflict",
        "plan.missing_dependency",
        "plan.too_hard",
        "plan.too_large",
        "plan.unprovided_capability",
        "plan.unsatisfiable",
        "queue.full",
        "scene.busy",
        "scene.not_active",
        "scene.bad_transition",
        "store.busy",
    ),
    422: (
        "install.no_manifest",
        "install.bad_record",
        "install.dangling",
        "install.too_many",
        "unpack.corrupt",
        "unpack.unreadable",
        "bundle.malformed",
        "scene.contract_response",
        "scene.skill_failed",
        "scene.answer_not_json",
        "scene.answer_too_big",
        "scene.bad_settings",
        "scene.no_contract",
        "scene.no_manifest",
    ),
    429: ("install.too_many_jobs",),
    502: ("bundle.changed", "store.drift", "store.odd_entry"),
    503: (
        "node.not_running",
        "scene.timeout",
        "scene.all_failed",
        "scene.skill_exited",
        "scene.skill_unreachable",
        "scene.skill_unwell",
        "plan.waits_for_source",
    ),
    507: ("store.damaged", "store.failed", "store.no_space", "queue.damaged", "share.damaged", "home.unwritable"),
}
STATUS: Mapping[str, int] = {code: status for status, codes in _BY_STATUS.items() for code in codes}

STORE = ("store.damaged", "store.failed", "store.busy")
NAME = ("ref.malformed", "ref.bad_id", "node.bad_parameter")
PLANNING = (
    *(
        "ref.malformed",
        "ref.bad_id",
        "plan.bad_choice",
        "plan.cannot_install",
        "plan.unknown_target",
        "plan.not_locked",
    ),
    *("plan.frozen", "plan.needs_consent", "plan.needs_digest", "plan.ambiguous", "plan.blocked", "plan.conflict"),
    *("plan.missing_dependency", "plan.too_hard", "plan.too_large", "plan.unprovided_capability", "plan.unsatisfiable"),
    *(
        "install.no_package",
        "install.no_manifest",
        "unpack.corrupt",
        "unpack.unreadable",
        "install.equivocation",
        *STORE,
    ),
)
BUNDLES = ("bundle.malformed", "bundle.revoked_key", "bundle.unknown_key", "bundle.changed")
CHANGING = ("install.base_moved", "install.needed", "install.not_installed", "install.no_generation", *STORE)
CALLING = (
    *("scene.contract_request", "scene.missing_setting", "scene.address_refused", "scene.no_consent"),
    *("scene.not_installed", "scene.no_route", "scene.busy", "scene.not_active", "scene.contract_response"),
    *("scene.skill_failed", "scene.answer_not_json", "scene.timeout", "scene.all_failed", "scene.skill_unreachable"),
    *("store.drift", "store.damaged"),
)
