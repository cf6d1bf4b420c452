"""Raw data sets on disk, whatever their layout, become the frame store; clips as a detector sees them."""
