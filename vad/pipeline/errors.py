"""The one exception whose message is meant for the user: what is wrong, where, and the way out, in one line."""


class UserError(Exception):
    """A mistake of the user's or of the data. Stages print it as one line and exit with code 1."""
