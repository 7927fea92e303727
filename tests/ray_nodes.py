"""A Ray cluster of several nodes on this machine."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import processes

CPUS = 1
"""Of each node."""


@contextmanager
def nodes(number: int) -> Iterator[tuple[Any, list[Any]]]:
    """The cluster (its `address`, and `remove_node` that kills one), and its nodes, head first."""
    # Ray's workers give way to all else by default, and a busy machine starves them.
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    os.environ["RAY_AUTH_MODE"] = "disabled"  # the token is a file in the home folder
    # Else Ray takes 127.0.0.1 for another name of this machine's address.
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    os.environ["PYTHONPATH"] = os.pathsep.join([str(processes.ROOT), *sys.path])
    from ray.cluster_utils import Cluster

    options = {
        "num_cpus": CPUS,
        "object_store_memory": 200 << 20,
        "node_ip_address": "127.0.0.1",
        "include_dashboard": False,
    }
    cluster = Cluster(initialize_head=True, head_node_args=options)
    try:
        others = [cluster.add_node(**options) for _ in range(number - 1)]
        yield cluster, [cluster.head_node, *others]
    finally:
        cluster.shutdown()
