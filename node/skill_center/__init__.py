"""This node as a SkillCenter: what is published to it, kept, shown and pushed.

    database    what a store needs of SQL: sqlite (default, one file) or postgresql (several replicas)
    tables      the tables, and reading and writing their rows
    store       the truth: releases with their proofs, owners, orders, revocations, events, the signed head
    packages    package files
    standing    what a release counts as now
    shelf       what is shown, made from the store and rebuilt at will: lists, categories, full-text search
    intake      the way of a release from a request into the store
    mirroring   what other registries publish, taken in selectively
    publishing  the other side: from a folder to a signed request (asking: through the outbound door)
    feed, live  events to everybody who listens
    center      all of it as part of the running node

The routes are in node/api/topics/skill_center.py, the common shapes in protocol/skill_center/.
"""
