"""What is decided about HTTP without doing any: pacing, retries, breakers, caching, addresses. Pure; time and chance are passed in."""
