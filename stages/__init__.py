"""One script for each stage of the pipeline, and the commands beside it: ``python -m stages.<name>``."""

from vad.pipeline import processes

processes.one_blas_thread()
processes.end_with_dvc()  # before a stage's imports, which take seconds in which its DVC may go
