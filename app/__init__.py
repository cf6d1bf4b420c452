"""The app: what the pipeline left on disk, to look at, to try and to review. It imports vad; vad never imports it."""

from vad.pipeline import processes

processes.one_blas_thread()
