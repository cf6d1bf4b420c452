"""Exceptions whose message is meant for the user: what is wrong, where, and the way out, in one line."""


class UserError(Exception):
    """A mistake of the user's or of the data. Stages print it as one line and exit with code 1."""


class Damaged(UserError):
    """A file of the pipeline's own that is not what was written: ``Damaged(path, "it is empty")``."""

    def __str__(self) -> str:
        path, why = self.args
        return (
            f"{path} is damaged ({why}): delete it ('make mend' deletes its copy in the cache too) and run 'dvc repro'"
        )


class Missing(UserError):
    """A file that an earlier stage makes and that is not there: ``Missing(path)``."""

    def __str__(self) -> str:
        return f"{self.args[0]} is missing: run 'dvc repro', which first makes what a stage needs"


class CannotFit(UserError):
    """A detector cannot be fitted on this data; it stands aside with this reason, and the others go on."""
