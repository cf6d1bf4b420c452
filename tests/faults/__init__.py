"""What may go wrong from outside, made to happen: killed stages, ended runs, flipped bits. ``make faults`` runs it."""
