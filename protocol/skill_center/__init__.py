"""SkillCenter: what a registry and those who ask it must agree on.

    places      paths of the interface, kinds in the plural
    rows        flat rows as the guide and the existing Java client know them
    release     the publisher's signed word about one version: digest, package, status
    order       the publisher's signed wish to change something at one registry, now
    head        the registry's signed word about all it has: sequence, expiry, digest of every release
    revocations the registry's signed list of what must not run any more
    changes     releases with everything that proves them, for who mirrors or indexes a whole registry
    events      what is pushed
    names       who may publish under which name

docs/protocol/skill-center.md is the norm.
"""
