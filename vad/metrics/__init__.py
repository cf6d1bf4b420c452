"""Measures of scores, maps and alarms against labels."""
