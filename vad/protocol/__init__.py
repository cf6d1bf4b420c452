"""Who may see which frame: roles, folds of clips, fitting and scoring by them."""
