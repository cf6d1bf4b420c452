"""The report: what a run left behind, as LaTeX and PDF."""
