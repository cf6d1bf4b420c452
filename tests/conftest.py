"""With ``pytest -n`` the workers share the cores: each has its part of the threads, and so has what it starts."""

import os

if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 0)):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, len(os.sched_getaffinity(0)) // workers)))
