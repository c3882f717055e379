"""The web page: static ES modules, style sheets and two catalogues of words; no build step, nothing from outside.

index.html loads js/main.js; js/state.js holds what is known, js/acts.js makes things happen, the other modules draw one part each.
It works under the Content-Security-Policy of `node.api.server` and only there is it safe: see docs/guide/web.md.
"""
