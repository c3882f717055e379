"""The HTTP API: routes declared once, served on two planes, described by themselves.

route: what a route is · topics/: the routes, one file per topic · routes: all of them · openapi: their description · problems: the
one error body · keys, guard: who may ask · desk: what handlers may use · scans, hub, streams: what takes time · server: aiohttp.

A request: guard -> parameters and body validated -> handler -> answer validated -> body, ETag. Only `server`, `streams`,
`static` and the daemon import aiohttp.
"""
