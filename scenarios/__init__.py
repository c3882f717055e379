"""Multi-node topologies and stories, runnable on network namespaces and docker, and the demo."""
