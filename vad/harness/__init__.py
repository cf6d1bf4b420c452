"""What every detector goes through: roles of frames, fitting on permitted ones, calibration."""
